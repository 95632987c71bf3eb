#include "lab/convert/convert.h"

#include "base/byte_size.h"
#include "base/progress.h"
#include "base/table.h"
#include "cli/convert_options.h"

namespace coppice {
namespace {

std::optional<DType> stored_type(StoredType type) {
  switch (type) {
    case StoredType::as_dense:
      return std::nullopt;
    case StoredType::f32:
      return DType::f32;
    case StoredType::bf16:
      return DType::bf16;
    case StoredType::f16:
      return DType::f16;
  }
  return std::nullopt;
}

void require(bool given, const char* option, const char* meaning) {
  if (!given)
    throw Error({.where = "coppice convert",
                 .found = fmt::format("no {}", option),
                 .expected = meaning,
                 .advice = "see coppice convert --help"},
                Fault::usage);
}

std::string methods_text(const Json& methods) {
  std::string text;
  for (const auto& method : methods) {
    text += fmt::format("{}\n  {}\n  {}\n", method["method"].get<std::string>(),
                        method["summary"].get<std::string>(), method["paper"].get<std::string>());
    for (const auto& option : method["options"])
      text += fmt::format("  --set {}={}  ({}) {}\n", option["name"].get<std::string>(),
                          option["default"].is_null() ? "" : to_line(option["default"]),
                          option["type"].get<std::string>(), option["help"].get<std::string>());
    text += "\n";
  }
  return text;
}

std::string result_text(const ConvertOptions& options, const lab::ConversionResult& result) {
  Table facts({"", options.method});
  facts.add_row({"family", result.family});
  facts.add_row(
      {"total parameters", fmt::format("{} (dense {})", result.converted.total, result.dense.total)});
  facts.add_row({"active parameters", fmt::format("{}", result.converted.active)});
  facts.add_row({"active share of the feed-forward", fmt::format("{:.4f}", result.active)});
  facts.add_row({"conversion", human_duration(result.seconds)});
  std::string text = facts.text() + "\nproved:\n";
  for (const auto& claim : result.parity)
    text += fmt::format("  {}: {:.3g} (allowed {:.3g})\n", claim.what, claim.difference, claim.tolerance);
  for (const auto& remark : result.remarks) text += "note: " + remark + "\n";
  const std::string out = options.output.string();
  return text + fmt::format("\nnext:\n  coppice eval {} --text FILE\n  coppice run {} \"Once upon a time\"\n",
                            out, out);
}

}  // namespace

int run_convert(const ConvertOptions& options) {
  if (options.list) {
    const Json methods = lab::list_methods();
    print_result(options.common, methods, methods_text(methods));
    return 0;
  }
  require(!options.model.empty(), "model directory", "the dense model to convert");
  require(!options.method.empty(), "--method", "a conversion method; coppice convert --list tells them");
  require(!options.calib.empty(), "--calib", "a text file to calibrate on");
  require(!options.output.empty(), "-o", "the directory to write");
  const lab::ConvertRequest request{
      .method = options.method,
      .calibration = options.calib,
      .active = options.active,
      .experts = options.experts,
      .seed = options.seed,
      .settings = options.set,
      .context = options.ctx,
      .dtype = stored_type(options.dtype),
      .files = {.shard_bytes = parse_byte_size(options.max_shard_size, "--max-shard-size"),
                .expert_tensors = options.expert_tensors},
      .overwrite = options.overwrite};
  const lab::ConversionResult result = lab::convert_model(options.model, request, options.output);
  print_result(options.common, result.to_json(request), result_text(options, result));
  return 0;
}

}  // namespace coppice
