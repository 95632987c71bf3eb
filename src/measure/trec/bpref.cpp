// Binary preference (Buckley and Voorhees, Retrieval evaluation with incomplete information, SIGIR 2004): over relevant
// documents, the share of documents judged not relevant that they are ranked above; only judged documents count.

#include <cmath>

#include "measure/trec/formulas.h"

namespace coppice {
namespace {

constexpr double least_of_geometric_mean = .00001;

double bpref(const JudgedRanking& ranking) {
  int64_t not_relevant = 0;
  for (size_t grade = 0; grade < ranking.documents_at.size(); ++grade)
    if (static_cast<int64_t>(grade) < ranking.relevance_level) not_relevant += ranking.documents_at[grade];
  const auto bound = static_cast<double>(std::min(not_relevant, ranking.relevant));
  int64_t above = 0;
  double sum = 0;
  for (const int32_t rank : ranking.pool_ranks) {
    const int32_t grade = ranking.grades[static_cast<size_t>(rank)];
    if (grade == unjudged_in_pool) continue;
    if (grade < ranking.relevance_level)
      ++above;
    else if (above > 0)
      sum += 1.0 - static_cast<double>(std::min(above, ranking.relevant)) / bound;
    else
      sum += 1.0;
  }
  return ranking.relevant > 0 ? sum / static_cast<double>(ranking.relevant) : sum;
}

}  // namespace

FamilyEntry family_bpref() {
  return {"bpref",
          {.help = "binary preference",
           .make = [](const std::string& name, const MeasureParameters&) { return single(name, bpref); }}};
}

FamilyEntry family_gm_bpref() {
  return {"gm_bpref",
          {.help = "geometric mean of binary preference",
           .make = [](const std::string& name, const MeasureParameters&) {
             Measure measure = single(name, [](const JudgedRanking& ranking) {
               return std::log(std::max(bpref(ranking), least_of_geometric_mean));
             });
             measure.summary = Summary::geometric_mean;
             measure.by_query = false;
             return measure;
           }}};
}

}  // namespace coppice
