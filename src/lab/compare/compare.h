#pragma once
// Which conversion is best on this model, this text, this budget: runs several methods with the same calibration text
// and seeds, judges every result in the runtime on the same held-out text, and times all of them in turns.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lab/convert/convert.h"

namespace coppice::lab {

struct CompareRequest {
  std::filesystem::path dense, calibration, text;
  std::vector<std::string> methods;  // names of converters(), each once
  double active = 0.5;
  int64_t experts = 8;
  std::vector<uint64_t> seeds = {0};
  int64_t context = 0, stride = 0;  // of the perplexity's windows; 0 = the model's context, no overlap
  std::map<std::string, std::vector<std::string>> settings;  // per method
};

// One method, over all seeds. Figures without a plural are those of the first seed.
struct CompareRow {
  std::string method;  // "dense" for the parent
  std::string family;
  std::vector<double> ppl_by_seed;
  double ppl = 0, ppl_deviation = 0;  // mean and sample standard deviation over seeds
  int64_t active_params = 0, total_params = 0;
  double active = 1;   // share of the dense FFN's parameters that a token uses
  double seconds = 0;  // conversion, mean over seeds
  double tokens_per_second = 0;
  double bytes_per_token = 0;
  bool within_budget = true;   // uses at most the requested share, give or take 0.02
  bool exact = true;           // every parity claim held
  std::string best_directory;  // of the seed with the lowest perplexity, below the output directory
  std::vector<std::string> remarks;
  std::vector<std::vector<double>> expert_load;  // per layer, tokens per expert on the held-out text
};

struct Comparison {
  CompareRequest request;
  int64_t text_tokens = 0, text_windows = 0;
  std::vector<CompareRow> rows;  // the dense parent first, then methods by rising perplexity

  // The row of the best sparse model within the budget; nullptr if there is none.
  const CompareRow* best() const;
};

// Writes the converted models as out/<method>-seed<n>; `out` exists.
Comparison compare_methods(const CompareRequest& request, const std::filesystem::path& out);

// The same as a table for people, as JSON, and as a self-contained HTML page with the plot of quality against active
// parameters and the experts' load.
std::string comparison_text(const Comparison& comparison);
Json comparison_json(const Comparison& comparison);
std::string comparison_html(const Comparison& comparison);

}  // namespace coppice::lab
