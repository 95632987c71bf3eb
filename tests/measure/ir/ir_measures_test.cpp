// Measures in ir_measures' spelling against their definitions, on random rankings.

#include "measure/ir/ir_measures.h"

#include <cmath>
#include <map>

#include <gmock/gmock.h>

#include "measure/measure_names.h"
#include "measure/trec/random_trec.h"
#include "support.h"

namespace coppice {
namespace {

// One query as definitions see it: grades of the ranked documents (none: not judged), and of all that were judged.
struct Ranked {
  std::vector<std::optional<int>> grades;
  std::vector<int> pool;

  int relevant(int level = 1) const {
    return static_cast<int>(
        std::count_if(pool.begin(), pool.end(), [level](int grade) { return grade >= level; }));
  }
  bool hit(size_t rank, int level = 1) const { return grades[rank] && *grades[rank] >= level; }
  size_t depth(size_t k) const { return std::min(k, grades.size()); }
};

Ranked ranked(const TrecRun::Query& query, const TrecJudgements::Query& judged) {
  std::map<std::string_view, int> grade;
  Ranked made;
  for (const auto& judgement : judged.judged) {
    grade[judgement.doc] = static_cast<int>(judgement.level);
    made.pool.push_back(static_cast<int>(judgement.level));
  }
  std::vector<RunDoc> docs(query.docs.begin(), query.docs.end());
  std::stable_sort(docs.begin(), docs.end(), [](const RunDoc& a, const RunDoc& b) {
    return a.score > b.score || (a.score == b.score && a.doc > b.doc);
  });
  for (const auto& doc : docs)
    made.grades.push_back(grade.count(doc.doc) > 0 ? std::optional(grade[doc.doc]) : std::nullopt);
  return made;
}

double dcg(const std::vector<double>& gains, size_t k) {
  double sum = 0;
  for (size_t i = 0; i < std::min(k, gains.size()); ++i)
    sum += gains[i] / std::log2(static_cast<double>(i) + 2);
  return sum;
}

template <class Gain>
double ndcg(const Ranked& r, size_t k, Gain gain) {
  std::vector<double> found, ideal;
  for (const auto& grade : r.grades) found.push_back(grade && *grade > 0 ? gain(*grade) : 0);
  for (const int grade : r.pool)
    if (grade > 0) ideal.push_back(gain(grade));
  std::sort(ideal.rbegin(), ideal.rend());
  const double best = dcg(ideal, k);
  return best > 0 ? dcg(found, k) / best : 0;
}

double average_precision(const Ranked& r, size_t k, int level) {
  double sum = 0;
  int hits = 0;
  for (size_t i = 0; i < r.depth(k); ++i)
    if (r.hit(i, level)) sum += static_cast<double>(++hits) / static_cast<double>(i + 1);
  return r.relevant(level) > 0 ? sum / r.relevant(level) : 0;
}

double hits(const Ranked& r, size_t k) {
  double count = 0;
  for (size_t i = 0; i < r.depth(k); ++i) count += r.hit(i);
  return count;
}

double reciprocal_rank(const Ranked& r, size_t k) {
  for (size_t i = 0; i < r.depth(k); ++i)
    if (r.hit(i)) return 1 / static_cast<double>(i + 1);
  return 0;
}

double rank_biased_precision(const Ranked& r, double p) {
  double sum = 0;
  for (size_t i = 0; i < r.grades.size(); ++i) sum += r.hit(i) ? (1 - p) * std::pow(p, i) : 0;
  return sum;
}

double expected_reciprocal_rank(const Ranked& r, size_t k) {
  double sum = 0, reader = 1;
  for (size_t i = 0; i < r.depth(k); ++i) {
    const double chance = (std::pow(2, std::max(0, r.grades[i].value_or(0))) - 1) / std::pow(2, 8);
    sum += chance * reader / static_cast<double>(i + 1);
    reader *= 1 - chance;
  }
  return sum;
}

TEST(IrMeasures, AreTheirDefinitions) {
  using Definition = double (*)(const Ranked&);
  const std::vector<std::pair<std::string, Definition>> definitions = {
      {"nDCG@7",
       [](const Ranked& r) { return ndcg(r, 7, [](int grade) { return static_cast<double>(grade); }); }},
      {"nDCG(dcg='exp-log2')@12",
       [](const Ranked& r) { return ndcg(r, 12, [](int grade) { return std::pow(2, grade) - 1; }); }},
      {"AP", [](const Ranked& r) { return average_precision(r, 1000000, 1); }},
      {"AP(rel=2)@30", [](const Ranked& r) { return average_precision(r, 30, 2); }},
      {"P@5", [](const Ranked& r) { return hits(r, 5) / 5; }},
      {"R@20", [](const Ranked& r) { return r.relevant() > 0 ? hits(r, 20) / r.relevant() : 0; }},
      {"RR", [](const Ranked& r) { return reciprocal_rank(r, 1000000); }},
      {"RR@3", [](const Ranked& r) { return reciprocal_rank(r, 3); }},
      {"Success@4", [](const Ranked& r) { return hits(r, 4) > 0 ? 1.0 : 0.0; }},
      {"RBP(p=0.7)", [](const Ranked& r) { return rank_biased_precision(r, 0.7); }},
      {"ERR(max_rel=8)@9", [](const Ranked& r) { return expected_reciprocal_rank(r, 9); }},
      {"Judged@10",
       [](const Ranked& r) {
         double judged = 0;
         for (size_t i = 0; i < r.depth(10); ++i) judged += r.grades[i].has_value();
         return judged / static_cast<double>(r.depth(10));
       }},
  };
  std::vector<std::string> names;
  for (const auto& [name, definition] : definitions) names.push_back(name);
  const auto requests = parse_measures(names);
  int64_t compared = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const auto data = test::random_trec(seed, JudgementFormat::qrels);
    const auto run = TrecRun::parse(data.run, "run");
    const auto judgements = TrecJudgements::parse(data.judgements, JudgementFormat::qrels, "qrels");
    const auto evaluation = evaluate(judgements, run, requests, {});
    ASSERT_EQ(evaluation.columns.size(), names.size());
    for (size_t query = 0; query < evaluation.queries.size(); ++query) {
      const auto& id = evaluation.queries[query];
      const Ranked r = ranked(*run.find(id), *judgements.find(id));
      for (size_t i = 0; i < names.size(); ++i) {
        EXPECT_NEAR(evaluation.value(query, i), definitions[i].second(r), 1e-9)
            << names[i] << " of seed " << seed << ", query " << id;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 1000);
}

TEST(IrMeasures, UnknownOnesNameTheNearest) {
  const auto error = [](const std::string& name) {
    return test::error_of([&] { parse_measures(std::vector<std::string>{name}); }, Fault::usage);
  };
  EXPECT_THAT(error("nDGC@10"), testing::HasSubstr("nDCG"));
  EXPECT_THAT(error("AP(rell=2)"), testing::HasSubstr("rel"));
  EXPECT_THAT(error("P@0"), testing::HasSubstr("whole number"));
  EXPECT_THAT(error("RBP(p=1)"), testing::HasSubstr("below 1"));
}

}  // namespace
}  // namespace coppice
