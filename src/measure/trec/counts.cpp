// Numbers of queries and documents, and the name of the run.

#include "measure/trec/measure.h"

namespace coppice {
namespace {

using Count = int64_t (*)(const JudgedRanking&);

Measure count(const std::string& name, Summary summary, Count counted) {
  return {.names = {name},
          .summary = summary,
          .shown = Shown::whole,
          .calculate = [counted](const QueryView& query, std::span<double> values) {
            values[0] = static_cast<double>(counted(*query.ranking));
          }};
}

}  // namespace

FamilyEntry family_runid() {
  return {
      "runid",
      {.help = "tag of the run", .make = [](const std::string& name, const MeasureParameters&) -> Measure {
         return {.names = {name},
                 .needs = Needs::nothing,
                 .summary = Summary::none,
                 .shown = Shown::text,
                 .by_query = false,
                 .calculate = nullptr};
       }}};
}

FamilyEntry family_num_q() {
  return {"num_q",
          {.help = "queries", .make = [](const std::string& name, const MeasureParameters&) -> Measure {
             return {.names = {name},
                     .needs = Needs::nothing,
                     .summary = Summary::queries,
                     .shown = Shown::whole,
                     .by_query = false,
                     .calculate = [](const QueryView&, std::span<double> values) { values[0] = 1; }};
           }}};
}

FamilyEntry family_num_ret() {
  return {"num_ret",
          {.help = "retrieved documents", .make = [](const std::string& name, const MeasureParameters&) {
             Measure measure =
                 count(name, Summary::sum, [](const JudgedRanking& r) { return r.retrieved(); });
             measure.zero_when_absent = true;
             return measure;
           }}};
}

FamilyEntry family_num_rel() {
  return {"num_rel",
          {.help = "relevant documents", .make = [](const std::string& name, const MeasureParameters&) {
             return count(name, Summary::relevant, [](const JudgedRanking& r) { return r.relevant; });
           }}};
}

FamilyEntry family_num_rel_ret() {
  return {"num_rel_ret",
          {.help = "relevant documents that were retrieved",
           .make = [](const std::string& name, const MeasureParameters&) {
             return count(name, Summary::sum, [](const JudgedRanking& r) { return r.relevant_retrieved(); });
           }}};
}

FamilyEntry family_num_nonrel_judged_ret() {
  return {"num_nonrel_judged_ret",
          {.help = "retrieved documents that were judged not relevant",
           .make = [](const std::string& name, const MeasureParameters&) {
             return count(name, Summary::sum, [](const JudgedRanking& r) {
               return r.retrieved() - r.outside - r.unjudged - r.relevant_retrieved();
             });
           }}};
}

}  // namespace coppice
