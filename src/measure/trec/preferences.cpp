#include "measure/trec/preferences.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace coppice {
namespace {

// Matrices of that many documents squared are held.
constexpr int64_t max_judged = 16384;

struct Ranked {
  const Judgement* judgement;
  int32_t doc;  // its number
};

// Numbers documents as PreferenceGroup says.
std::vector<Ranked> number_documents(std::span<const Judgement> judged, const RankingJudge& judge,
                                     PreferenceCounts& counts) {
  struct Doc {
    size_t first, last;  // its judgements
    std::optional<size_t> rank;
  };
  std::vector<Doc> docs;
  for (size_t i = 0; i < judged.size(); ++i) {
    if (i == 0 || judged[i].doc != judged[i - 1].doc)
      docs.push_back({i, i, judge.table().find(judged[i].doc)});
    docs.back().last = i + 1;
  }
  std::stable_sort(docs.begin(), docs.end(), [](const Doc& a, const Doc& b) {
    if (a.rank && b.rank) return *a.rank < *b.rank;
    return a.rank.has_value() && !b.rank;
  });
  std::vector<Ranked> ranked;
  for (const auto& doc : docs) {
    for (size_t i = doc.first; i < doc.last; ++i)
      ranked.push_back({&judged[i], static_cast<int32_t>(counts.judged)});
    ++counts.judged;
    counts.judged_retrieved += doc.rank ? 1 : 0;
  }
  return ranked;
}

class GroupCounter {
 public:
  GroupCounter(PreferenceCounts& counts, std::string_view query, const std::string& where)
      : counts_(counts), query_(query), where_(where) {}

  // Judgements of one group, by subgroup, then from the highest level down, then by document.
  void add(std::span<const Ranked> ranked) {
    PreferenceGroup group;
    if (ranked.front().judgement->subgroup == ranked.back().judgement->subgroup)
      add_classes(ranked, group);
    else
      add_matrix(ranked, group);
    group.possible_retrieved += group.fulfilled_retrieved;
    group.possible_implied += group.fulfilled_implied;
    counts_.groups.push_back(std::move(group));
  }

 private:
  bool retrieved(int32_t doc) const { return doc < counts_.judged_retrieved; }

  void count_preference(int32_t better, int32_t worse, PreferenceGroup& group) {
    ++counts_.preferring[static_cast<size_t>(better * counts_.judged + worse)];
    if (retrieved(better) && retrieved(worse))
      ++(better < worse ? group.fulfilled_retrieved : group.possible_retrieved);
    else if (retrieved(better) || retrieved(worse))
      ++(retrieved(better) ? group.fulfilled_implied : group.possible_implied);
    else
      ++group.possible_absent;
  }

  void count_document(int32_t doc, bool relevant, PreferenceGroup& group) const {
    ++(relevant ? group.relevant : group.not_relevant);
    if (retrieved(doc)) ++(relevant ? group.relevant_retrieved : group.not_relevant_retrieved);
  }

  void add_classes(std::span<const Ranked> ranked, PreferenceGroup& group) {
    for (const auto& [judgement, doc] : ranked) {
      if (group.classes.empty() || group.classes.back().level != judgement->level)
        group.classes.push_back({judgement->level, {}});
      group.classes.back().docs.push_back(doc);
      count_document(doc, judgement->level > 0, group);
    }
    for (size_t i = 0; i < group.classes.size(); ++i)
      for (size_t j = i + 1; j < group.classes.size(); ++j)
        for (const int32_t better : group.classes[i].docs)
          for (const int32_t worse : group.classes[j].docs) {
            if (better == worse) contradiction(ranked, better, "two levels in one subgroup");
            count_preference(better, worse, group);
          }
  }

  void add_matrix(std::span<const Ranked> ranked, PreferenceGroup& group) {
    const auto judged = static_cast<size_t>(counts_.judged);
    group.prefers.assign(judged * judged, 0);
    group.levels.assign(judged, -1);
    for (size_t i = 0; i < ranked.size(); ++i) {
      const auto& [judgement, doc] = ranked[i];
      double& level = group.levels[static_cast<size_t>(doc)];
      if ((level > 0 && judgement->level == 0) || (level == 0 && judgement->level > 0))
        contradiction(ranked, doc, "a level of 0 and another");
      level = judgement->level;
      for (size_t j = i + 1; j < ranked.size() && ranked[j].judgement->subgroup == judgement->subgroup; ++j)
        if (ranked[j].judgement->level != judgement->level)
          group.prefers[static_cast<size_t>(doc) * judged + static_cast<size_t>(ranked[j].doc)] = 1;
    }
    close_transitively(judged, group.prefers);
    for (size_t a = 0; a < judged; ++a) {
      group.prefers[a * judged + a] = 0;
      for (size_t b = 0; b < judged; ++b) {
        if (group.prefers[a * judged + b] == 0) continue;
        if (b > a && group.prefers[b * judged + a] != 0)
          contradiction(ranked, static_cast<int32_t>(a), "preferences that form a circle");
        count_preference(static_cast<int32_t>(a), static_cast<int32_t>(b), group);
      }
      if (group.levels[a] >= 0) count_document(static_cast<int32_t>(a), group.levels[a] > 0, group);
    }
  }

  static void close_transitively(size_t judged, std::vector<uint8_t>& prefers) {
    for (size_t over = 0; over < judged; ++over)
      for (size_t a = 0; a < judged; ++a)
        if (prefers[a * judged + over] != 0)
          for (size_t b = 0; b < judged; ++b) prefers[a * judged + b] |= prefers[over * judged + b];
  }

  [[noreturn]] void contradiction(std::span<const Ranked> ranked, int32_t doc, const char* what) const {
    const auto found =
        std::find_if(ranked.begin(), ranked.end(), [doc](const Ranked& r) { return r.doc == doc; });
    throw Error({.where = where_,
                 .found = fmt::format("query '{}', group '{}', document '{}': {}", query_,
                                      found->judgement->group, found->judgement->doc, what),
                 .expected = "preferences of a group that agree with each other"});
  }

  PreferenceCounts& counts_;
  std::string_view query_;
  const std::string& where_;
};

}  // namespace

PreferenceCounts count_preferences(std::span<const Judgement> judged, const RankingJudge& judge,
                                   std::string_view query, const std::string& where) {
  PreferenceCounts counts;
  std::vector<Ranked> ranked = number_documents(judged, judge, counts);
  if (counts.judged > max_judged)
    throw Error({.where = where,
                 .found = fmt::format("{} judged documents of query '{}'", counts.judged, query),
                 .expected = fmt::format("at most {} for preferences", max_judged)},
                Fault::resource);
  counts.preferring.assign(static_cast<size_t>(counts.judged * counts.judged), 0);
  std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    return std::tuple(a.judgement->group, a.judgement->subgroup, -a.judgement->level, a.doc) <
           std::tuple(b.judgement->group, b.judgement->subgroup, -b.judgement->level, b.doc);
  });
  GroupCounter counter(counts, query, where);
  for (size_t begin = 0, end = 0; begin < ranked.size(); begin = end) {
    while (end < ranked.size() && ranked[end].judgement->group == ranked[begin].judgement->group) ++end;
    counter.add(std::span(ranked).subspan(begin, end - begin));
  }
  return counts;
}

}  // namespace coppice
