// Rank-biased precision (Moffat and Zobel, ToIS 27, 2008): (1 - p) sum of gain p^(rank - 1), and the weight of documents
// that were not judged or not retrieved.

#include "measure/trec/formulas.h"
#include "measure/trec/gains.h"

namespace coppice {
namespace {

double persistence(const std::vector<NamedNumber>& pairs) {
  double p = 0.9;
  for (const auto& [name, number] : pairs)
    if (name == "p") p = number;
  return p;
}

// Gains are brought into [0, 1] if they do not lie there.
void scale_gains(Gains& gains) {
  double least = 0, most = 0;
  for (const auto& level : gains.levels()) {
    least = std::min(least, level.gain);
    most = std::max(most, level.gain);
  }
  if (least >= 0 && most <= 1) return;
  for (auto& level : gains.levels()) level.gain = (level.gain - least) / (most - least);
}

double rank_biased_precision(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs) {
  const double p = persistence(pairs);
  Gains gains(ranking, pairs);
  scale_gains(gains);
  double sum = 0, weight = 1;
  for (const int32_t grade : ranking.grades) {
    if (const double gain = gains.of(grade); gain != 0) sum += gain * weight;
    weight *= p;
  }
  return (1.0 - p) * sum;
}

double residual(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs) {
  const double p = persistence(pairs);
  double sum = 0, weight = 1;
  bool any = false;
  for (const int32_t grade : ranking.grades) {
    if (grade < 0) {
      any = true;
      sum += weight;
    }
    weight *= p;
  }
  return any ? weight + (1 - p) * sum : 0;
}

}  // namespace

FamilyEntry family_rbp() {
  return {"rbp",
          {.help = "rank-biased precision; p=0.9 by default",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return single(name + parameters.suffix,
                           [pairs = parameters.pairs](const JudgedRanking& ranking) {
                             return rank_biased_precision(ranking, pairs);
                           });
           }}};
}

FamilyEntry family_rbp_resid() {
  return {"rbp_resid",
          {.help = "what rank-biased precision could gain by documents that were not judged",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             Measure measure =
                 single(name + parameters.suffix, [pairs = parameters.pairs](const JudgedRanking& ranking) {
                   return residual(ranking, pairs);
                 });
             measure.zero_when_absent = parameters.suffix.empty();
             return measure;
           }}};
}

}  // namespace coppice
