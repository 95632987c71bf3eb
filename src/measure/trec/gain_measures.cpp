// G and binG: gain divided by the logarithm of what is missing before a document, not by that of its rank.

#include <cmath>

#include "measure/trec/formulas.h"
#include "measure/trec/gains.h"

namespace coppice {
namespace {

// The mean over relevant documents of 1 / log2(2 + documents before it that are not relevant).
double binary_gain(const JudgedRanking& ranking) {
  double sum = 0;
  int64_t seen = 0;
  for (const int32_t rank : ranking.relevant_ranks) {
    ++seen;
    sum += 1.0 / std::log2(static_cast<double>(3 + rank - seen));
  }
  return seen > 0 ? sum / static_cast<double>(ranking.relevant) : 0;
}

// Sum of gain / log2(2 + ideal cost - gain so far), where each rank costs its ideal gain, at least 1; relative to the sum
// of ideal gains.
double normalised_gain(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs) {
  constexpr double least_cost = 1;
  const Gains gains(ranking, pairs);
  IdealRanking ideal(gains);
  double found = 0, cost = 0, best = 0, sum = 0;
  for (int64_t rank = 0; rank < ranking.retrieved(); ++rank) {
    const double gain = gains.of(ranking.grades[static_cast<size_t>(rank)]);
    found += gain;
    if (ideal.gain() > 0) {
      ideal.advance();
      if (ideal.gain() > 0) best += ideal.gain();
      cost += ideal.gain() >= least_cost ? ideal.gain() : least_cost;
    } else {
      cost += least_cost;
    }
    if (gain != 0) sum += gain / std::log2(2 + cost - found);
  }
  while (ideal.gain() > 0) {
    ideal.advance();
    if (ideal.gain() > 0) best += ideal.gain();
  }
  return best > 0 ? sum / best : 0;
}

}  // namespace

FamilyEntry family_bing() {
  return {
      "binG",
      {.help = "binary gain, discounted by documents before that are not relevant",
       .make = [](const std::string& name, const MeasureParameters&) { return single(name, binary_gain); }}};
}

FamilyEntry family_g() {
  return {"G",
          {.help = "gain, discounted by the gain that is missing before",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return single(name + parameters.suffix,
                           [pairs = parameters.pairs](const JudgedRanking& ranking) {
                             return normalised_gain(ranking, pairs);
                           });
           }}};
}

}  // namespace coppice
