// Shares of judged preferences that a ranking fulfils. Names that end in _ret look at pairs of retrieved documents, those
// in _imp also at pairs of which one was retrieved, the others at all.

#include "measure/trec/formulas.h"

namespace coppice {
namespace {

enum class Pairs { all, implied, retrieved };

int64_t fulfilled(const PreferenceGroup& group, Pairs pairs) {
  return group.fulfilled_retrieved + (pairs == Pairs::retrieved ? 0 : group.fulfilled_implied);
}

int64_t possible(const PreferenceGroup& group, Pairs pairs) {
  return group.possible_retrieved + (pairs == Pairs::retrieved ? 0 : group.possible_implied) +
         (pairs == Pairs::all ? group.possible_absent : 0);
}

template <class Formula>
FamilyEntry preference_family(const std::string& name, const std::string& help, Formula) {
  return {name, {.help = help, .make = [](const std::string& named, const MeasureParameters&) -> Measure {
                   return {.names = {named},
                           .needs = Needs::preferences,
                           .calculate = [](const QueryView& query, std::span<double> values) {
                             values[0] = Formula{}(*query.preferences);
                           }};
                 }}};
}

template <class Formula>
FamilyEntry number_family(const std::string& name, const std::string& help, Formula) {
  return {name, {.help = help, .make = [](const std::string& named, const MeasureParameters&) -> Measure {
                   return {.names = {named},
                           .needs = Needs::preferences,
                           .summary = Summary::sum,
                           .shown = Shown::whole,
                           .calculate = [](const QueryView& query, std::span<double> values) {
                             int64_t sum = 0;
                             for (const auto& group : query.preferences->groups) sum += Formula{}(group);
                             values[0] = static_cast<double>(sum);
                           }};
                 }}};
}

// All preferences count the same.
template <Pairs pairs>
struct Simple {
  double operator()(const PreferenceCounts& counts) const {
    int64_t good = 0, all = 0;
    for (const auto& group : counts.groups) {
      good += fulfilled(group, pairs);
      all += possible(group, pairs);
    }
    return all > 0 ? ratio(good, all) : 0;
  }
};

// All groups count the same.
template <Pairs pairs>
struct AveragedOverGroups {
  double operator()(const PreferenceCounts& counts) const {
    double sum = 0;
    for (const auto& group : counts.groups)
      if (const int64_t all = possible(group, pairs); all > 0) sum += ratio(fulfilled(group, pairs), all);
    return sum > 0 ? sum / static_cast<double>(counts.groups.size()) : 0;
  }
};

// All pairs of documents count the same: by the share of groups that prefer the one ranked higher.
template <Pairs pairs>
struct ByPair {
  double operator()(const PreferenceCounts& counts) const {
    double sum = 0;
    int64_t number = 0;
    const auto add = [&](int64_t higher, int64_t lower, bool ranked) {
      const int64_t with = counts.preferring_groups(higher, lower),
                    against = counts.preferring_groups(lower, higher);
      if (with == 0 && against == 0) return;
      ++number;
      if (ranked) sum += ratio(with, with + against);
    };
    const int64_t retrieved = counts.judged_retrieved;
    for (int64_t a = 0; a < retrieved; ++a)
      for (int64_t b = a + 1; b < retrieved; ++b) add(a, b, true);
    if (pairs != Pairs::retrieved)
      for (int64_t a = 0; a < retrieved; ++a)
        for (int64_t b = retrieved; b < counts.judged; ++b) add(a, b, true);
    if (pairs == Pairs::all)
      for (int64_t a = retrieved; a < counts.judged; ++a)
        for (int64_t b = a + 1; b < counts.judged; ++b) add(a, b, false);
    return number > 0 ? sum / static_cast<double>(number) : 0;
  }
};

// Preferences of a group of which only the first `kept` documents that are not relevant stay.
template <bool only_retrieved>
class Reduced {
 public:
  Reduced(const PreferenceGroup& group, const PreferenceCounts& counts) : counts_(counts) {
    if (group.classes.empty())
      count_matrix(group);
    else
      count_classes(group);
  }

  double share() const { return ratio(fulfilled_, fulfilled_ + missed_); }

 private:
  bool retrieved(int64_t doc) const { return doc < counts_.judged_retrieved; }

  void count(int64_t better, int64_t worse) {
    if (only_retrieved && (!retrieved(better) || !retrieved(worse))) return;
    ++(better < worse && retrieved(better) ? fulfilled_ : missed_);
  }

  // The last class is that of the documents that are not relevant; trec_eval counts its own pairs too.
  void count_classes(const PreferenceGroup& group) {
    const auto& last = group.classes.back().docs;
    const auto kept = static_cast<size_t>(only_retrieved ? group.relevant_retrieved : group.relevant);
    for (size_t i = 0; i < group.classes.size(); ++i)
      for (const int32_t better : group.classes[i].docs) {
        for (size_t j = i + 1; j + 1 < group.classes.size(); ++j)
          for (const int32_t worse : group.classes[j].docs) count(better, worse);
        for (size_t k = 0; k < std::min(kept, last.size()); ++k) count(better, last[k]);
      }
  }

  void count_matrix(const PreferenceGroup& group) {
    const int64_t end = only_retrieved ? counts_.judged_retrieved : counts_.judged;
    const auto level = [&group](int64_t doc) { return group.levels[static_cast<size_t>(doc)]; };
    int64_t seen = 0, discarded = 0;
    for (; discarded < end; ++discarded)
      if (level(discarded) == 0 && ++seen == group.relevant + 1) break;
    const auto stays = [&](int64_t doc) { return doc < discarded || level(doc) != 0; };
    for (int64_t a = 0; a < end; ++a)
      for (int64_t b = 0; b < end; ++b)
        if (stays(a) && stays(b) && group.prefers[static_cast<size_t>(a * counts_.judged + b)] != 0)
          count(a, b);
  }

  const PreferenceCounts& counts_;
  int64_t fulfilled_ = 0, missed_ = 0;
};

// As AveragedOverGroups, with as many documents that are not relevant as there are relevant ones.
template <Pairs pairs>
struct Balanced {
  double operator()(const PreferenceCounts& counts) const {
    constexpr bool only_retrieved = pairs == Pairs::retrieved;
    double sum = 0;
    for (const auto& group : counts.groups) {
      const int64_t relevant = only_retrieved ? group.relevant_retrieved : group.relevant;
      const int64_t others = only_retrieved ? group.not_relevant_retrieved : group.not_relevant;
      if (relevant >= others)
        sum += ratio(fulfilled(group, pairs) + group.relevant_retrieved * (relevant - others),
                     possible(group, pairs) + group.relevant * (relevant - others));
      else
        sum += Reduced<only_retrieved>(group, counts).share();
    }
    return sum > 0 ? sum / static_cast<double>(counts.groups.size()) : 0;
  }
};

}  // namespace

std::vector<FamilyEntry> families_of_preferences() {
  return {
      number_family("prefs_num_prefs_poss", "preferences",
                    [](const PreferenceGroup& group) { return possible(group, Pairs::all); }),
      number_family("prefs_num_prefs_ful", "preferences fulfilled",
                    [](const PreferenceGroup& group) { return fulfilled(group, Pairs::all); }),
      number_family("prefs_num_prefs_ful_ret", "preferences between retrieved documents fulfilled",
                    [](const PreferenceGroup& group) { return fulfilled(group, Pairs::retrieved); }),
      preference_family("prefs_simp", "share of preferences fulfilled", Simple<Pairs::all>{}),
      preference_family("prefs_pair", "share of preferences fulfilled, by pairs of documents",
                        ByPair<Pairs::all>{}),
      preference_family("prefs_avgjg", "share of preferences fulfilled, by groups",
                        AveragedOverGroups<Pairs::all>{}),
      preference_family("prefs_avgjg_Rnonrel", "prefs_avgjg with as many documents not relevant as relevant",
                        Balanced<Pairs::all>{}),
      preference_family("prefs_simp_ret", "prefs_simp of retrieved documents", Simple<Pairs::retrieved>{}),
      preference_family("prefs_pair_ret", "prefs_pair of retrieved documents", ByPair<Pairs::retrieved>{}),
      preference_family("prefs_avgjg_ret", "prefs_avgjg of retrieved documents",
                        AveragedOverGroups<Pairs::retrieved>{}),
      preference_family("prefs_avgjg_Rnonrel_ret", "prefs_avgjg_Rnonrel of retrieved documents",
                        Balanced<Pairs::retrieved>{}),
      preference_family("prefs_simp_imp", "prefs_simp of pairs of which one was retrieved",
                        Simple<Pairs::implied>{}),
      preference_family("prefs_pair_imp", "prefs_pair of pairs of which one was retrieved",
                        ByPair<Pairs::implied>{}),
      preference_family("prefs_avgjg_imp", "prefs_avgjg of pairs of which one was retrieved",
                        AveragedOverGroups<Pairs::implied>{}),
  };
}

}  // namespace coppice
