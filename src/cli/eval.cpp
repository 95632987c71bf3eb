#include <algorithm>
#include <numeric>

#include "base/file.h"
#include "cli/eval_options.h"
#include "cli/open_decoder.h"
#include "model/score.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

// One row per mixture: how unevenly tokens went to its experts.
Json summarise(const std::vector<ExpertLoad>& load) {
  Json rows = Json::array();
  for (const auto& layer : load) {
    const auto [least, most] = std::minmax_element(layer.tokens.begin(), layer.tokens.end());
    const int64_t total = std::accumulate(layer.tokens.begin(), layer.tokens.end(), int64_t{0});
    const double mean = static_cast<double>(total) / static_cast<double>(layer.tokens.size());
    rows.push_back({{"layer", layer.layer},
                    {"experts", layer.tokens.size()},
                    {"least", mean > 0 ? static_cast<double>(*least) / mean : 0},
                    {"most", mean > 0 ? static_cast<double>(*most) / mean : 0},
                    {"unused", std::count(layer.tokens.begin(), layer.tokens.end(), 0)},
                    {"tokens", layer.tokens}});
  }
  return rows;
}

std::string describe_load(const Json& rows) {
  std::string text;
  for (const auto& row : rows)
    text += fmt::format("layer {}: busiest of {} experts {:.2f}, idlest {:.2f} times the mean, {} unused\n",
                        row["layer"].get<int64_t>(), row["experts"].get<int64_t>(), row["most"].get<double>(),
                        row["least"].get<double>(), row["unused"].get<int64_t>());
  return text;
}

}  // namespace

int run_eval(const EvalOptions& options) {
  const std::string text = read_file(options.text);
  if (text.empty())
    throw Error({.where = options.text.string(), .found = "an empty text", .expected = "text to predict"});
  const auto tokenizer = load_tokenizer(options.model);
  const auto files = open_model(options.model);
  require_next_token_model(files->spec(), options.model.string());
  const int64_t ctx = options.ctx.value_or(files->spec().context);
  if (ctx > files->spec().context)
    throw Error({.where = "--ctx",
                 .found = fmt::format("{}", ctx),
                 .expected = fmt::format("at most the model's context of {}", files->spec().context)},
                Fault::usage);
  const auto ids = tokenizer->encode(text, false);
  const auto leading = tokenizer->leading_token();
  const int64_t stride = options.stride.value_or(ctx - (leading ? 1 : 0));
  auto windows = cut_windows(ids, ctx, stride, leading);
  if (options.limit && static_cast<int64_t>(windows.size()) > *options.limit)
    windows.resize(static_cast<size_t>(*options.limit));

  int64_t longest = 1;
  for (const auto& window : windows) longest = std::max(longest, static_cast<int64_t>(window.tokens.size()));
  Decoder decoder =
      open_decoder(files, options.runtime, {.length = longest, .rows = longest, .logit_rows = longest});
  const Perplexity result = measure_perplexity(windows, window_scorer(decoder));
  const Json load = summarise(decoder.expert_load());
  Json json = {{"ppl", result.ppl},
               {"nll", result.nll},
               {"tokens", result.tokens},
               {"tokens_per_s", result.tokens_per_second},
               {"seconds", result.seconds},
               {"windows", result.windows},
               {"ctx", ctx},
               {"stride", stride},
               {"expert_load", load}};
  if (decoder.expert_traffic().uses > 0) json["experts"] = traffic_json(decoder.expert_traffic());
  print_result(
      options.common, json,
      fmt::format("perplexity {:.4f} (mean loss {:.6f}) over {} tokens in {} windows, {:.0f} tokens/s\n",
                  result.ppl, result.nll, result.tokens, result.windows, result.tokens_per_second) +
          describe_load(load));
  report_experts(decoder, options.runtime);
  return 0;
}

}  // namespace coppice
