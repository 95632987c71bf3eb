#include "lab/compare/compare.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/log.h"
#include "measure/perplexity.h"
#include "model/decode_speed.h"
#include "model/decoder.h"
#include "model/model_directory.h"
#include "model/score.h"
#include "text/tokenizer.h"

namespace coppice::lab {
namespace {

constexpr double budget_slack = 0.02;

// The held-out text, cut for the dense model; every contender sees the same windows.
struct HeldOut {
  std::vector<Window> windows;
  int64_t tokens = 0;
};

HeldOut read_held_out(const CompareRequest& request, const ModelSpec& spec) {
  const auto tokenizer = load_tokenizer(request.dense);
  const auto ids = tokenizer->encode(read_file(request.text), false);
  if (ids.empty())
    throw Error(
        {.where = request.text.string(), .found = "no text", .expected = "text to measure perplexity on"});
  const int64_t context = request.context > 0 ? std::min(request.context, spec.context) : spec.context;
  return {cut_windows(ids, context, request.stride, tokenizer->leading_token()),
          static_cast<int64_t>(ids.size())};
}

// Perplexity, bytes and expert load of one directory in the runtime.
struct Verdict {
  Perplexity perplexity;
  double bytes_per_token = 0;
  std::vector<std::vector<double>> expert_load;
};

Verdict judge(Decoder& decoder, const HeldOut& held_out) {
  Verdict verdict;
  decoder.reset_expert_load();
  verdict.perplexity = measure_perplexity(held_out.windows, window_scorer(decoder));
  verdict.bytes_per_token = static_cast<double>(decoder.bytes_per_token());
  for (const auto& layer : decoder.expert_load())
    verdict.expert_load.emplace_back(layer.tokens.begin(), layer.tokens.end());
  return verdict;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

Decoder open_decoder(const std::filesystem::path& directory) {
  return Decoder(std::make_shared<const ModelDirectory>(directory));
}

CompareRow dense_row(const CompareRequest& request, Decoder& decoder, const HeldOut& held_out) {
  const Verdict verdict = judge(decoder, held_out);
  const ParameterCount count = count_parameters(decoder.spec());
  CompareRow row;
  row.method = "dense";
  row.family = decoder.spec().family;
  row.ppl_by_seed = {verdict.perplexity.ppl};
  row.ppl = verdict.perplexity.ppl;
  row.active_params = count.active;
  row.total_params = count.total;
  row.bytes_per_token = verdict.bytes_per_token;
  row.within_budget = request.active >= 1;
  return row;
}

CompareRow method_row(const CompareRequest& request, const std::string& method, const HeldOut& held_out,
                      const std::filesystem::path& out) {
  CompareRow row;
  row.method = method;
  std::vector<double> seconds;
  for (const uint64_t seed : request.seeds) {
    const std::string name = fmt::format("{}-seed{}", method, seed);
    log_info("{} (seed {})", method, seed);
    const auto settings = request.settings.find(method);
    const ConversionResult result = convert_model(
        request.dense,
        {.method = method,
         .calibration = request.calibration,
         .active = request.active,
         .experts = request.experts,
         .seed = seed,
         .settings = settings == request.settings.end() ? std::vector<std::string>{} : settings->second},
        out / name);
    Decoder decoder = open_decoder(out / name);
    const Verdict verdict = judge(decoder, held_out);
    const double ppl = verdict.perplexity.ppl;
    if (row.ppl_by_seed.empty()) {
      row.family = result.family;
      row.active_params = result.converted.active;
      row.total_params = result.converted.total;
      row.active = result.active;
      row.bytes_per_token = verdict.bytes_per_token;
      row.remarks = result.remarks;
    }
    if (row.ppl_by_seed.empty() || ppl < *std::min_element(row.ppl_by_seed.begin(), row.ppl_by_seed.end())) {
      row.best_directory = name;
      row.expert_load = verdict.expert_load;
    }
    row.exact = row.exact && std::all_of(result.parity.begin(), result.parity.end(),
                                         [](const auto& claim) { return claim.held(); });
    row.ppl_by_seed.push_back(ppl);
    seconds.push_back(result.seconds);
  }
  row.ppl = mean(row.ppl_by_seed);
  row.ppl_deviation = deviation(row.ppl_by_seed);
  row.seconds = mean(seconds);
  row.within_budget = row.active <= request.active + budget_slack;
  return row;
}

void measure_speeds(std::vector<CompareRow>& rows, Decoder& dense, const std::filesystem::path& out) {
  std::vector<Decoder> converted;
  for (const auto& row : rows)
    if (!row.best_directory.empty()) converted.push_back(open_decoder(out / row.best_directory));
  std::vector<Decoder*> models = {&dense};
  for (auto& decoder : converted) models.push_back(&decoder);
  const auto speeds = decode_tokens_per_second(models);
  for (size_t i = 0; i < rows.size(); ++i) rows[i].tokens_per_second = speeds[i];
}

}  // namespace

const CompareRow* Comparison::best() const {
  for (const auto& row : rows)
    if (!row.best_directory.empty() && row.within_budget) return &row;
  return nullptr;
}

Comparison compare_methods(const CompareRequest& request, const std::filesystem::path& out) {
  Decoder dense = open_decoder(request.dense);
  const HeldOut held_out = read_held_out(request, dense.spec());
  Comparison comparison;
  comparison.request = request;
  comparison.text_tokens = held_out.tokens;
  comparison.text_windows = static_cast<int64_t>(held_out.windows.size());
  comparison.rows.push_back(dense_row(request, dense, held_out));
  for (const auto& method : request.methods)
    comparison.rows.push_back(method_row(request, method, held_out, out));
  measure_speeds(comparison.rows, dense, out);
  std::stable_sort(comparison.rows.begin() + 1, comparison.rows.end(),
                   [](const CompareRow& a, const CompareRow& b) { return a.ppl < b.ppl; });
  return comparison;
}

}  // namespace coppice::lab
