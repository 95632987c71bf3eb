#pragma once
// Sums that several measures share.

#include <algorithm>

#include "measure/trec/measure.h"

namespace coppice {

// Sum over the relevant documents among the first `count` of the precision at each.
inline double precision_sum(const JudgedRanking& ranking, int64_t count = no_cut) {
  double sum = 0;
  int64_t seen = 0;
  for (const int32_t rank : ranking.relevant_ranks) {
    if (rank >= count) break;
    sum += static_cast<double>(++seen) / static_cast<double>(rank + 1);
  }
  return sum;
}

inline double ratio(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// A measure of one value.
template <class Formula>
Measure single(const std::string& name, Formula formula) {
  return {.names = {name}, .calculate = [formula](const QueryView& query, std::span<double> values) {
            values[0] = formula(*query.ranking);
          }};
}

// A measure of one value for each cutoff: formula(ranking, cutoff).
template <class Formula>
Measure at_cutoffs(const std::string& name, const MeasureParameters& parameters, Formula formula) {
  return {
      .names = names_with_cutoffs(name, parameters.cutoffs),
      .calculate = [cutoffs = parameters.cutoffs, formula](const QueryView& query, std::span<double> values) {
        for (size_t i = 0; i < cutoffs.size(); ++i) values[i] = formula(*query.ranking, cutoffs[i]);
      }};
}

// The mean over groups of judgements of what `add` adds to the values for one group.
template <class Add>
Measure over_groups(std::vector<std::string> names, Add add) {
  return {.names = std::move(names),
          .needs = Needs::groups,
          .calculate = [add](const QueryView& query, std::span<double> values) {
            for (const auto& group : query.groups) add(group, values);
            if (query.groups.size() < 2) return;
            for (double& value : values) value /= static_cast<double>(query.groups.size());
          }};
}

inline const std::string usual_cutoffs = "5,10,15,20,30,100,200,500,1000";

}  // namespace coppice
