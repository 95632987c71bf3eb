// Average precision: the mean over a query's relevant documents of the precision at each; 0 for one not retrieved.

#include <cmath>

#include "measure/trec/formulas.h"

namespace coppice {
namespace {

// Below this a geometric mean takes a value to be this.
constexpr double least_of_geometric_mean = .00001;

double average_precision(const JudgedRanking& ranking) {
  return ranking.relevant_ranks.empty() ? 0 : precision_sum(ranking) / static_cast<double>(ranking.relevant);
}

// Yilmaz and Aslam, Estimating average precision with incomplete and imperfect judgments, CIKM 2006: at a relevant
// document of rank k, 1/k + (k-1)/k * (share of the k-1 above in the pool) * (rel + e) / (rel + nonrel + 2 e).
double inferred_average_precision(const JudgedRanking& ranking) {
  constexpr double epsilon = .00001;
  int64_t not_relevant = 0, relevant = 0, unjudged = 0;
  double sum = 0;
  for (const int32_t rank : ranking.pool_ranks) {
    const int32_t grade = ranking.grades[static_cast<size_t>(rank)];
    if (grade == unjudged_in_pool) {
      ++unjudged;
    } else if (grade < ranking.relevance_level) {
      ++not_relevant;
    } else {
      ++relevant;
      if (rank == 0) {
        sum += 1;
        continue;
      }
      const double above = rank;
      const auto others = static_cast<double>(relevant - 1 + not_relevant + unjudged);
      sum += 1.0 / (above + 1.0) + (above / (above + 1.0)) * (others / above) *
                                       ((static_cast<double>(relevant - 1) + epsilon) /
                                        (static_cast<double>(relevant - 1 + not_relevant) + 2 * epsilon));
    }
  }
  return ranking.relevant > 0 ? sum / static_cast<double>(ranking.relevant) : sum;
}

}  // namespace

FamilyEntry family_map() {
  return {"map", {.help = "average precision", .make = [](const std::string& name, const MeasureParameters&) {
                    return single(name, average_precision);
                  }}};
}

FamilyEntry family_gm_map() {
  return {"gm_map",
          {.help = "geometric mean of average precision",
           .make = [](const std::string& name, const MeasureParameters&) {
             Measure measure = single(name, [](const JudgedRanking& ranking) {
               return std::log(std::max(average_precision(ranking), least_of_geometric_mean));
             });
             measure.summary = Summary::geometric_mean;
             measure.by_query = false;
             return measure;
           }}};
}

FamilyEntry family_map_cut() {
  return {"map_cut",
          {.help = "average precision of the first documents",
           .kind = ParameterKind::cutoffs,
           .defaults = usual_cutoffs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return at_cutoffs(name, parameters, [](const JudgedRanking& ranking, int64_t cutoff) {
               if (ranking.relevant == 0) return 0.0;
               return precision_sum(ranking, cutoff) / static_cast<double>(ranking.relevant);
             });
           }}};
}

FamilyEntry family_map_avgjg() {
  return {"map_avgjg",
          {.help = "average precision, averaged over judgement groups",
           .make = [](const std::string& name, const MeasureParameters&) {
             return over_groups({name}, [](const JudgedRanking& group, std::span<double> values) {
               if (!group.relevant_ranks.empty())
                 values[0] += precision_sum(group) / static_cast<double>(group.relevant);
             });
           }}};
}

// Robertson, On smoothing average precision, ECIR 2012: the logit of the smoothed sum of precisions.
FamilyEntry family_yaap() {
  return {"yaap",
          {.help = "smoothed log-odds of average precision",
           .make = [](const std::string& name, const MeasureParameters&) {
             return single(name, [](const JudgedRanking& ranking) {
               const double sum = precision_sum(ranking);
               return std::log((1.0 + sum) / (1.0 + static_cast<double>(ranking.relevant) - sum));
             });
           }}};
}

FamilyEntry family_infap() {
  return {"infAP",
          {.help = "average precision inferred from a sample of the pool",
           .make = [](const std::string& name, const MeasureParameters&) {
             return single(name, inferred_average_precision);
           }}};
}

}  // namespace coppice
