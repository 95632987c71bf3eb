#pragma once
// Measures of a run by judgements, query by query and summed up.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/trec.h"
#include "measure/trec/measure.h"
#include "measure/trec/zscores.h"

namespace coppice {

// A measure and how it looks at rankings, where that is not as the options say.
struct MeasureRequest {
  Measure measure;
  std::optional<int64_t> relevance_level;
  int64_t cut = no_cut;
  bool judged_only = false;
};

struct EvaluationOptions {
  int64_t relevance_level = 1;     // from this grade on a document is relevant
  int64_t max_per_query = no_cut;  // documents of a query that count
  bool judged_only = false;        // documents without a judgement are taken out
  bool complete = false;           // queries with judgements that the run does not have count too
  int64_t documents = 0;           // in the collection; only `utility` asks
};

struct Evaluation {
  struct Column {
    std::string name;
    Summary summary = Summary::mean;
    Shown shown = Shown::real;
    bool by_query = true, zero_when_absent = false;
  };

  std::string tag;
  std::vector<std::string> queries;  // ascending
  std::vector<Column> columns;
  std::vector<double> values;                   // [query][column]
  std::vector<std::vector<std::string>> texts;  // [column][query], of columns that are text
  std::vector<double> summary;                  // [column]
  bool zscores = false;

  double value(size_t query, size_t column) const { return values[query * columns.size() + column]; }
  // The values of all queries, in their order.
  std::vector<double> of_column(size_t column) const;
};

// Queries that have judgements and are in the run are measured, in the order of their names. An Error if there is none,
// if a ranking has a document twice, or if a measure needs other judgements than these. With `zscores`, every value of a
// query is the distance from the mean of reference runs in standard deviations.
Evaluation evaluate(const TrecJudgements& judgements, const TrecRun& run,
                    std::span<const MeasureRequest> requests, const EvaluationOptions& options,
                    const ZScores* zscores = nullptr);

// The lines that trec_eval prints, byte for byte: name, query or all, value.
std::string trec_eval_lines(const Evaluation& evaluation, bool by_query, bool summary);

}  // namespace coppice
