#include "base/file.h"
#include "base/progress.h"
#include "base/table.h"
#include "cli/quantize_options.h"
#include "model/finequant/finequant_model.h"
#include "model/gguf/export_gguf.h"
#include "model/model_directory.h"
#include "model/score.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

std::vector<WrittenTensor> write_quantized(const ModelFiles& model, const QuantizeOptions& options) {
  if (options.type != QuantizedType::finequant)
    return export_gguf(model, parse_enum<GgufWeights>(to_string(options.type), "--type"), options.out)
        .written;
  if (!fs::is_directory(options.model))
    throw Error({.where = options.model.string(),
                 .found = "a file",
                 .expected = "a model directory, whose tokenizer goes with it",
                 .advice = "take another --type"},
                Fault::usage);
  AtomicDirectory directory(options.out, options.overwrite);
  auto written = write_finequant(model, {.alpha = options.alpha}, directory.path());
  copy_companion_files(options.model, directory.path());
  directory.commit();
  return written;
}

Perplexity perplexity_of(const fs::path& model, const std::string& text) {
  const auto tokenizer = load_tokenizer(model);
  Decoder decoder(open_model(model));
  require_next_token_model(decoder.spec(), model.string());
  const auto leading = tokenizer->leading_token();
  const int64_t context = decoder.spec().context;
  const auto windows =
      cut_windows(tokenizer->encode(text, false), context, context - (leading ? 1 : 0), leading);
  return measure_perplexity(windows, window_scorer(decoder));
}

struct Totals {
  int64_t bytes = 0, parameters = 0;
  WeightError error;
  double bits() const {
    return parameters > 0 ? 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters) : 0;
  }
};

Totals total_of(const std::vector<WrittenTensor>& written) {
  Totals totals;
  for (const auto& tensor : written) {
    int64_t count = 1;
    for (const int64_t extent : tensor.shape) count *= extent;
    totals.parameters += count;
    totals.bytes += tensor.bytes;
    totals.error.add(tensor.error);
  }
  return totals;
}

}  // namespace

int run_quantize(const QuantizeOptions& options) {
  if (fs::exists(options.out) && !options.overwrite)
    throw Error({.where = options.out.string(),
                 .found = "exists already",
                 .advice = "choose another -o or add --overwrite"});
  const std::string text = options.text ? read_file(*options.text) : "";
  if (options.text && text.empty())
    throw Error({.where = options.text->string(), .found = "an empty text", .expected = "text to predict"});
  const Progress clock("", 0, "");
  const auto model = open_model(options.model);
  const auto written = write_quantized(*model, options);
  const double seconds = clock.seconds();
  const Totals totals = total_of(written);

  Table table({"tensor", "type", "shape", "bytes", "relative error", "largest error"});
  Json rows = Json::array();
  for (const auto& tensor : written) {
    rows.push_back({{"name", tensor.name},
                    {"type", tensor.type},
                    {"shape", tensor.shape},
                    {"bytes", tensor.bytes},
                    {"relative_error", tensor.error.relative()},
                    {"largest_error", tensor.error.largest}});
    table.add_row({tensor.name, tensor.type, shape_text(tensor.shape), fmt::format("{}", tensor.bytes),
                   fmt::format("{:.5f}", tensor.error.relative()),
                   fmt::format("{:.2e}", tensor.error.largest)});
  }
  Json json = {{"out", options.out.string()},
               {"type", to_string(options.type)},
               {"bytes", totals.bytes},
               {"bytes_before", model->total_bytes()},
               {"bits_per_weight", totals.bits()},
               {"relative_error", totals.error.relative()},
               {"seconds", seconds},
               {"tensors", rows}};
  std::string shown =
      table.text() +
      fmt::format("{}: {} of weights, before {}; {:.2f} bits per weight; relative error {:.5f}\n",
                  options.out.string(), human_bytes(static_cast<double>(totals.bytes)),
                  human_bytes(static_cast<double>(model->total_bytes())), totals.bits(),
                  totals.error.relative());
  if (options.text) {
    const Perplexity before = perplexity_of(options.model, text), after = perplexity_of(options.out, text);
    json["ppl_before"] = before.ppl;
    json["ppl"] = after.ppl;
    shown += fmt::format("perplexity {:.4f}, before {:.4f} ({:+.2f}%) over {} tokens\n", after.ppl,
                         before.ppl, 100 * (after.ppl / before.ppl - 1), after.tokens);
  }
  print_result(options.common, json, shown);
  return 0;
}

}  // namespace coppice
