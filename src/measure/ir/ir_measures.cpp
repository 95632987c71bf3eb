#include "measure/ir/ir_measures.h"

#include <cmath>
#include <map>

#include "base/strings.h"
#include "format/trec_words.h"
#include "measure/trec/formulas.h"
#include "measure/trec/gains.h"

namespace coppice {
namespace {

// The parts of `Name(key=value, …)@cutoff`. Every parameter must be asked for.
class Spelling {
 public:
  explicit Spelling(const std::string& text) : text_(text) {
    std::string_view rest = text;
    const size_t end = rest.find_first_of("(@");
    name_ = rest.substr(0, end);
    rest.remove_prefix(std::min(end, rest.size()));
    if (rest.starts_with('(')) {
      const size_t close = rest.find(')');
      if (close == rest.npos) fail("no )", "a list of parameters in brackets");
      for (const auto& word : split(rest.substr(1, close - 1), ',')) add_parameter(word);
      rest.remove_prefix(close + 1);
    }
    if (rest.starts_with('@'))
      cutoff_ = whole(std::string(rest.substr(1)), 1);
    else if (!rest.empty())
      fail(fmt::format("'{}'", rest), "@ and a cutoff");
  }

  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  std::optional<int64_t> cutoff() const { return cutoff_; }

  std::optional<double> number(const std::string& key) {
    const auto word = take(key);
    if (!word) return std::nullopt;
    const auto value = trec::to_number(*word);
    if (!value || !std::isfinite(*value)) fail(fmt::format("{}={}", key, *word), "a number");
    return value;
  }
  std::optional<int64_t> whole(const std::string& key) {
    const auto word = take(key);
    return word ? std::optional(whole(*word, 0)) : std::nullopt;
  }
  bool flag(const std::string& key) {
    const auto word = take(key);
    if (word && *word != "True" && *word != "False" && *word != "true" && *word != "false")
      fail(fmt::format("{}={}", key, *word), "True or False");
    return word && (*word == "True" || *word == "true");
  }
  std::optional<std::string> take(const std::string& key) {
    known_.push_back(key);
    const auto found = parameters_.find(key);
    if (found == parameters_.end()) return std::nullopt;
    std::string value = found->second;
    parameters_.erase(found);
    return value;
  }

  // Throws for what has not been asked for.
  void finish(bool may_cut) const {
    if (!parameters_.empty())
      throw Error(
          {.where = "measure " + text_,
           .found = fmt::format("unknown parameter '{}'", parameters_.begin()->first),
           .advice = known_.empty() ? name_ + " has none" : suggest(parameters_.begin()->first, known_)},
          Fault::usage);
    if (cutoff_ && !may_cut) fail("a cutoff", name_ + " without one");
  }

  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw Error({.where = "measure " + text_, .found = found, .expected = expected}, Fault::usage);
  }

 private:
  void add_parameter(const std::string& word) {
    const size_t equals = word.find('=');
    if (equals == word.npos) fail(fmt::format("'{}'", word), "key=value");
    std::string value(trim(std::string_view(word).substr(equals + 1)));
    if (value.size() > 1 && (value.front() == '\'' || value.front() == '"') && value.back() == value.front())
      value = value.substr(1, value.size() - 2);
    parameters_[std::string(trim(std::string_view(word).substr(0, equals)))] = value;
  }

  int64_t whole(const std::string& word, int64_t least) const {
    const auto value = trec::to_number(word);
    if (!value || *value != std::trunc(*value) || *value < static_cast<double>(least) || *value > 1e12)
      fail(fmt::format("'{}'", word), fmt::format("a whole number of at least {}", least));
    return static_cast<int64_t>(*value);
  }

  std::string text_, name_;
  std::map<std::string, std::string> parameters_;
  std::vector<std::string> known_;
  std::optional<int64_t> cutoff_;
};

// One of trec_eval's measures, whose own way of cutting is `with_cutoff` if it has one; else the list is cut.
MeasureRequest of_trec(Spelling& spelling, const std::string& plain, const std::string& with_cutoff,
                       bool needs_cutoff) {
  MeasureRequest request;
  request.relevance_level = spelling.whole("rel");
  request.judged_only = spelling.flag("judged_only");
  spelling.finish(true);
  const auto cutoff = spelling.cutoff();
  if (needs_cutoff && !cutoff) spelling.fail("no cutoff", fmt::format("one, as in {}@10", spelling.name()));
  if (cutoff && !with_cutoff.empty()) {
    request.measure = make_measure(with_cutoff, std::to_string(*cutoff));
  } else {
    request.measure = make_measure(plain, "");
    if (cutoff) request.cut = *cutoff;
  }
  return request;
}

template <class Formula>
MeasureRequest of_formula(Formula formula, int64_t cut = no_cut) {
  MeasureRequest request;
  request.measure = single("", formula);
  request.cut = cut;
  return request;
}

// Gains of 2^grade - 1 instead of the grade, as Burges et al. 2005 have it.
double exponential_ndcg(const JudgedRanking& ranking, int64_t cutoff) {
  double found = 0, ideal = 0;
  for (const int32_t rank : ranking.pool_ranks)
    if (const int32_t grade = ranking.grades[static_cast<size_t>(rank)]; grade > 0 && rank < cutoff)
      found += (std::exp2(grade) - 1) / discount(rank);
  int64_t rank = 0;
  for (size_t grade = ranking.documents_at.size(); grade-- > 1;)
    for (int64_t i = 0; i < ranking.documents_at[grade] && rank < cutoff; ++i, ++rank)
      ideal += (std::exp2(static_cast<double>(grade)) - 1) / discount(rank);
  return ideal > 0 ? found / ideal : 0;
}

MeasureRequest ndcg(Spelling& spelling) {
  const std::string kind = spelling.take("dcg").value_or("log2");
  if (kind != "log2" && kind != "exp-log2")
    spelling.fail(fmt::format("dcg='{}'", kind), "'log2' or 'exp-log2'");
  if (kind == "log2") return of_trec(spelling, "ndcg", "ndcg_cut", false);
  const bool judged_only = spelling.flag("judged_only");
  spelling.finish(true);
  MeasureRequest request =
      of_formula([cutoff = spelling.cutoff().value_or(no_cut)](const JudgedRanking& ranking) {
        return exponential_ndcg(ranking, cutoff);
      });
  request.judged_only = judged_only;
  return request;
}

// Chapelle et al., Expected reciprocal rank for graded relevance, CIKM 2009: sum over ranks r of 1/r times the chance that
// a reader who is satisfied by a document with chance (2^grade - 1) / 2^max_rel gets there.
MeasureRequest expected_reciprocal_rank(Spelling& spelling) {
  const int64_t max_grade_ = spelling.whole("max_rel").value_or(4);
  spelling.finish(true);
  const std::string where = "measure " + spelling.text();
  return of_formula(
      [max_grade_, where](const JudgedRanking& ranking) {
        double sum = 0, reader = 1;
        for (const int32_t rank : ranking.pool_ranks) {
          const int32_t grade = std::max(0, ranking.grades[static_cast<size_t>(rank)]);
          if (grade > max_grade_)
            throw Error({.where = where,
                         .found = fmt::format("a grade of {}", grade),
                         .expected = fmt::format("grades of at most {}", max_grade_),
                         .advice = fmt::format("ERR(max_rel={}) says the highest grade there is", grade)});
          const double chance = (std::exp2(grade) - 1) / std::exp2(static_cast<double>(max_grade_));
          sum += chance * reader / static_cast<double>(rank + 1);
          reader *= 1 - chance;
        }
        return sum;
      },
      spelling.cutoff().value_or(no_cut));
}

MeasureRequest rank_biased_precision(Spelling& spelling) {
  const double p = spelling.number("p").value_or(0.8);
  if (!(p >= 0 && p < 1)) spelling.fail(fmt::format("p={}", p), "a number of at least 0 and below 1");
  const auto level = spelling.whole("rel");
  spelling.finish(true);
  MeasureRequest request = of_formula(
      [p](const JudgedRanking& ranking) {
        double sum = 0;
        for (const int32_t rank : ranking.relevant_ranks) sum += std::pow(p, rank);
        return (1 - p) * sum;
      },
      spelling.cutoff().value_or(no_cut));
  request.relevance_level = level;
  return request;
}

MeasureRequest judged_share(Spelling& spelling) {
  spelling.finish(true);
  return of_formula(
      [](const JudgedRanking& ranking) {
        return ranking.grades.empty()
                   ? 0.0
                   : ratio(static_cast<int64_t>(ranking.pool_ranks.size()), ranking.retrieved());
      },
      spelling.cutoff().value_or(no_cut));
}

MeasureRequest interpolated_precision(Spelling& spelling) {
  // Here the number behind @ is a recall.
  MeasureRequest request;
  const double recall = spelling.number("recall").value_or(-1);
  request.relevance_level = spelling.whole("rel");
  request.judged_only = spelling.flag("judged_only");
  spelling.finish(false);
  if (recall < 0 || recall > 1) spelling.fail("no recall", "a level from 0 to 1, as in IPrec@0.1");
  request.measure = make_measure("iprec_at_recall", fmt::format("{}", recall));
  return request;
}

MeasureRequest set_f(Spelling& spelling) {
  const double beta = spelling.number("beta").value_or(1);
  MeasureRequest request = of_trec(spelling, "set_F", "", false);
  request.measure = make_measure("set_F", fmt::format("{}", beta));
  return request;
}

using Maker = MeasureRequest (*)(Spelling&);

const Registry<Maker>& makers() {
  static const Registry<Maker> all(
      "measure",
      {{"nDCG", ndcg},
       {"AP", [](Spelling& s) { return of_trec(s, "map", "map_cut", false); }},
       {"MAP", [](Spelling& s) { return of_trec(s, "map", "map_cut", false); }},
       {"RR", [](Spelling& s) { return of_trec(s, "recip_rank", "", false); }},
       {"MRR", [](Spelling& s) { return of_trec(s, "recip_rank", "", false); }},
       {"P", [](Spelling& s) { return of_trec(s, "P", "P", true); }},
       {"R", [](Spelling& s) { return of_trec(s, "recall", "recall", true); }},
       {"Success", [](Spelling& s) { return of_trec(s, "success", "success", true); }},
       {"Rprec", [](Spelling& s) { return of_trec(s, "Rprec", "", false); }},
       {"Bpref", [](Spelling& s) { return of_trec(s, "bpref", "", false); }},
       {"infAP", [](Spelling& s) { return of_trec(s, "infAP", "", false); }},
       {"IPrec", interpolated_precision},
       {"SetP",
        [](Spelling& s) { return of_trec(s, s.flag("relative") ? "set_relative_P" : "set_P", "", false); }},
       {"SetR", [](Spelling& s) { return of_trec(s, "set_recall", "", false); }},
       {"SetAP", [](Spelling& s) { return of_trec(s, "set_map", "", false); }},
       {"SetF", set_f},
       {"NumQ", [](Spelling& s) { return of_trec(s, "num_q", "", false); }},
       {"NumRet",
        [](Spelling& s) {
          const auto level = s.whole("rel");
          MeasureRequest request = of_trec(s, level ? "num_rel_ret" : "num_ret", "", false);
          request.relevance_level = level;
          return request;
        }},
       {"NumRel", [](Spelling& s) { return of_trec(s, "num_rel", "", false); }},
       {"Judged", judged_share},
       {"RBP", rank_biased_precision},
       {"ERR", expected_reciprocal_rank}});
  return all;
}

std::string name_in(const std::string& text) {
  return text.substr(0, text.find_first_of("(@"));
}

}  // namespace

bool is_ir_measure(const std::string& text) {
  return makers().find(name_in(text)) != nullptr;
}

MeasureRequest parse_ir_measure(const std::string& text) {
  const Maker& make = makers().get(name_in(text), "measure");
  std::string spelt = text;
  // IPrec@0.1 is IPrec(recall=0.1).
  if (const size_t at = text.find('@'); name_in(text) == "IPrec" && at != text.npos) {
    const std::string recall = "recall=" + text.substr(at + 1);
    spelt = text.substr(0, at);
    spelt = spelt.ends_with(')') ? spelt.substr(0, spelt.size() - 1) + "," + recall + ")"
                                 : spelt + "(" + recall + ")";
  }
  Spelling spelling(spelt);
  MeasureRequest request = make(spelling);
  request.measure.names = {text};
  request.measure.by_query = request.measure.summary != Summary::queries;
  return request;
}

std::vector<std::string> ir_measure_names() {
  return makers().names();
}

}  // namespace coppice
