// The grades of the first documents as a string: a digit, > for a higher grade, - outside the pool, . without a judgement.

#include "measure/trec/formulas.h"

namespace coppice {
namespace {

char shown_grade(int32_t grade) {
  if (grade == outside_pool) return '-';
  if (grade == unjudged_in_pool) return '.';
  return grade > 9 ? '>' : static_cast<char>('0' + grade);
}

}  // namespace

FamilyEntry family_relstring() {
  return {"relstring",
          {.help = "grades of the first documents",
           .kind = ParameterKind::numbers,
           .defaults = "10",
           .make = [](const std::string& name, const MeasureParameters& parameters) -> Measure {
             return {.names = {name + parameters.suffix},
                     .summary = Summary::none,
                     .shown = Shown::text,
                     .zero_when_absent = parameters.suffix.empty(),
                     .calculate = nullptr,
                     .text = [length = parameters.numbers.front()](const QueryView& query) {
                       std::string text;
                       for (const int32_t grade : query.ranking->grades) {
                         if (static_cast<double>(text.size() + 1) > length) break;
                         text += shown_grade(grade);
                       }
                       return text;
                     }};
           }}};
}

}  // namespace coppice
