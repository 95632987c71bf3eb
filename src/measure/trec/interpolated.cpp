// Interpolated precision: at a recall level, the highest precision at that level or beyond.

#include <cmath>

#include "measure/trec/formulas.h"

namespace coppice {
namespace {

const std::string eleven_points = "0.0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,1.0";

// visit(i, precision) for the recall levels, from the last one that was reached down.
template <class Visit>
void interpolate(const JudgedRanking& ranking, const std::vector<double>& levels, Visit visit) {
  const int64_t found = ranking.relevant_retrieved();
  std::vector<int64_t> wanted;  // relevant documents at each level
  for (const double level : levels)
    wanted.push_back(std::lround(level * static_cast<double>(ranking.relevant)));
  auto at = static_cast<int64_t>(levels.size()) - 1;
  const auto reached = [&] { return wanted[static_cast<size_t>(at)]; };
  while (at >= 0 && reached() > found) --at;
  double highest = ratio(found, ranking.retrieved());
  for (int64_t count = found; count > 0; --count) {
    const double precision = ratio(count, ranking.relevant_ranks[static_cast<size_t>(count - 1)] + 1);
    if (highest < precision) highest = precision;
    for (; at >= 0 && reached() == count; --at) visit(static_cast<size_t>(at), highest);
  }
  for (; at >= 0; --at) visit(static_cast<size_t>(at), highest);
}

}  // namespace

FamilyEntry family_iprec_at_recall() {
  return {"iprec_at_recall",
          {.help = "interpolated precision at levels of recall",
           .kind = ParameterKind::fractions,
           .defaults = eleven_points,
           .make = [](const std::string& name, const MeasureParameters& parameters) -> Measure {
             return {.names = names_with_fractions(name, parameters.numbers),
                     .calculate = [levels = parameters.numbers](const QueryView& query,
                                                                std::span<double> values) {
                       interpolate(*query.ranking, levels,
                                   [values](size_t i, double precision) { values[i] = precision; });
                     }};
           }}};
}

FamilyEntry family_11pt_avg() {
  return {"11pt_avg",
          {.help = "mean interpolated precision at levels of recall",
           .kind = ParameterKind::numbers,
           .defaults = eleven_points,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return single(
                 name + parameters.suffix, [levels = parameters.numbers](const JudgedRanking& ranking) {
                   double sum = 0;
                   interpolate(ranking, levels, [&sum](size_t, double precision) { sum += precision; });
                   return sum / static_cast<double>(levels.size());
                 });
           }}};
}

}  // namespace coppice
