// Measures of what was retrieved as a set, whatever its order.

#include "measure/trec/formulas.h"

namespace coppice {
namespace {

double set_precision(const JudgedRanking& ranking) {
  return ranking.grades.empty() ? 0 : ratio(ranking.relevant_retrieved(), ranking.retrieved());
}

double set_recall(const JudgedRanking& ranking) {
  return ranking.relevant == 0 ? 0 : ratio(ranking.relevant_retrieved(), ranking.relevant);
}

// F = (x + 1) P R / (x P + R).
double set_f(const JudgedRanking& ranking, double x) {
  if (ranking.relevant_ranks.empty()) return 0;
  const double precision = set_precision(ranking), recall = set_recall(ranking);
  return (x + 1.0) * precision * recall / (x * precision + recall);
}

}  // namespace

FamilyEntry family_set_p() {
  return {"set_P",
          {.help = "precision of all that was retrieved",
           .make = [](const std::string& name, const MeasureParameters&) {
             return single(name, set_precision);
           }}};
}

FamilyEntry family_set_relative_p() {
  return {"set_relative_P",
          {.help = "precision of all that was retrieved, relative to the highest possible",
           .make = [](const std::string& name, const MeasureParameters&) {
             return single(name, [](const JudgedRanking& ranking) {
               if (ranking.grades.empty() || ranking.relevant == 0) return 0.0;
               return ratio(ranking.relevant_retrieved(), std::min(ranking.retrieved(), ranking.relevant));
             });
           }}};
}

FamilyEntry family_set_recall() {
  return {
      "set_recall",
      {.help = "recall of all that was retrieved",
       .make = [](const std::string& name, const MeasureParameters&) { return single(name, set_recall); }}};
}

FamilyEntry family_set_map() {
  return {"set_map",
          {.help = "precision times recall of all that was retrieved",
           .make = [](const std::string& name, const MeasureParameters&) {
             return single(name, [](const JudgedRanking& ranking) {
               if (ranking.grades.empty() || ranking.relevant == 0) return 0.0;
               const auto found = static_cast<double>(ranking.relevant_retrieved());
               return found * found /
                      (static_cast<double>(ranking.retrieved()) * static_cast<double>(ranking.relevant));
             });
           }}};
}

FamilyEntry family_set_f() {
  return {"set_F",
          {.help = "F of precision and recall of all that was retrieved",
           .kind = ParameterKind::numbers,
           .defaults = "1.0",
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return single(name + parameters.suffix,
                           [x = parameters.numbers.front()](const JudgedRanking& ranking) {
                             return set_f(ranking, x);
                           });
           }}};
}

// p1 * relevant retrieved + p2 * others retrieved + p3 * relevant not retrieved + p4 * others not retrieved.
FamilyEntry family_utility() {
  return {"utility",
          {.help = "weighted sum of documents retrieved or not, relevant or not",
           .kind = ParameterKind::numbers,
           .defaults = "1.0,-1.0,0.0,0.0",
           .make = [](const std::string& name, const MeasureParameters& parameters) -> Measure {
             if (parameters.numbers.size() != 4)
               throw Error({.where = "measure " + name + parameters.suffix,
                            .found = fmt::format("{} numbers", parameters.numbers.size()),
                            .expected = "four, as in utility.1,-1,0,0"},
                           Fault::usage);
             return {.names = {name + parameters.suffix},
                     .zero_when_absent = parameters.suffix.empty(),
                     .calculate = [p = parameters.numbers](const QueryView& query, std::span<double> values) {
                       const JudgedRanking& r = *query.ranking;
                       const int64_t found = r.relevant_retrieved(), retrieved = r.retrieved();
                       values[0] =
                           p[0] * static_cast<double>(found) + p[1] * static_cast<double>(retrieved - found) +
                           p[2] * static_cast<double>(r.relevant - found) +
                           p[3] * static_cast<double>(query.documents + found - retrieved - r.relevant);
                     }};
           }}};
}

}  // namespace coppice
