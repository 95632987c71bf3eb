#include "lab/convert/convert.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/parallel.h"
#include "base/sha256.h"
#include "lab/convert/converters.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/parity.h"
#include "lab/data/document_words.h"
#include "model/arch/families.h"
#include "model/decoder.h"

namespace coppice::lab {
namespace {

void check_request(const ConvertRequest& request) {
  if (!(request.active > 0 && request.active <= 1))
    throw Error({.where = "--active",
                 .found = fmt::format("{}", request.active),
                 .expected = "a share above 0 and at most 1"},
                Fault::usage);
  if (request.experts < 1)
    throw Error({.where = "--experts", .found = fmt::format("{}", request.experts), .expected = "at least 1"},
                Fault::usage);
  if (request.context != 0 && request.context < 2)
    throw Error({.where = "--context", .found = fmt::format("{}", request.context), .expected = "at least 2"},
                Fault::usage);
}

// Tokens that each expert of each layer received from `windows`; nothing for dense layers.
std::vector<std::vector<int64_t>> expert_load(LanguageModel& model, const torch::Tensor& windows) {
  const torch::NoGradGuard no_grad;
  std::vector<std::vector<int64_t>> load(static_cast<size_t>(model.layers()));
  for (const auto& window : windows.split(1)) {
    model.forward(window);
    for (int64_t layer = 0; layer < model.layers(); ++layer) {
      const Routing* routing = model.block(layer).ffn->routing();
      const MoeSpec* moe = moe_of(model.spec().blocks[static_cast<size_t>(layer)]);
      if (routing == nullptr || moe == nullptr) continue;
      auto& counts = load[static_cast<size_t>(layer)];
      counts.resize(static_cast<size_t>(moe->experts()));
      const torch::Tensor chosen =
          torch::bincount(routing->experts.flatten(), {}, moe->experts()).contiguous();
      for (size_t e = 0; e < counts.size(); ++e) counts[e] += chosen.data_ptr<int64_t>()[e];
    }
  }
  return load;
}

void report_load(ConversionResult& result, const std::vector<std::vector<int64_t>>& load) {
  if (std::all_of(load.begin(), load.end(), [](const auto& layer) { return layer.empty(); })) return;
  result.report["tokens_per_expert"] = load;
  std::string unused;
  for (size_t layer = 0; layer < load.size(); ++layer)
    for (size_t e = 0; e < load[layer].size(); ++e)
      if (load[layer][e] == 0) unused += fmt::format("{}{}.{}", unused.empty() ? "" : ", ", layer, e);
  if (!unused.empty())
    result.remarks.push_back("experts that no calibration token went to (layer.expert): " + unused);
}

// How far the active share may lie from the request before the user is told: half of the smallest step that the
// result's experts allow.
void report_share(ConversionResult& result, const ConvertRequest& request, const ModelSpec& dense) {
  const MoeSpec* moe = moe_of(result.spec.blocks.front());
  const double width = static_cast<double>(dense_ffn(dense, 0).width);
  const double step = moe == nullptr || moe->storage == ExpertStorage::indexed
                          ? 1 / width
                          : static_cast<double>(moe->widths.front()) / width;
  if (std::abs(result.active - request.active) > step / 2 + 1e-9)
    result.remarks.push_back(
        fmt::format("a token uses {:.4f} of the dense feed-forward's parameters; {} was asked for",
                    result.active, request.active));
}

// The bytes of tensors that both directories have under one name and shape, compared.
ParityClaim unchanged_on_disk(const ModelDirectory& before, const ModelDirectory& after) {
  double differing = 0;
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& tensor : tensor_table(before.spec())) shapes[tensor.name] = tensor.shape;
  for (const auto& tensor : tensor_table(after.spec())) {
    const auto found = shapes.find(tensor.name);
    if (found == shapes.end() || found->second != tensor.shape) continue;
    const TensorView kept = before.tensor(tensor.name), written = after.tensor(tensor.name);
    const auto a = kept.bytes, b = written.bytes;
    if (a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0) continue;
    for (size_t i = 0; i < a.size(); ++i) differing += i >= b.size() || a[i] != b[i];
  }
  return {.what = "bytes of the tensors kept from the dense model that differ in the written file",
          .difference = differing};
}

Json provenance(const std::filesystem::path& dense, const ConvertRequest& request,
                const ConversionResult& result) {
  const MappedFile text(request.calibration);
  return {{"coppice", COPPICE_VERSION},
          {"torch", TORCH_VERSION},
          {"method", request.method},
          {"paper", converters().get(request.method).paper},
          {"options", result.options},
          {"active", request.active},
          {"experts", request.experts},
          {"seed", request.seed},
          {"dense", dense.string()},
          {"calibration", {{"file", request.calibration.string()}, {"sha256", sha256(text.bytes())}}},
          {"seconds", result.seconds},
          {"active_share", result.active},
          {"remarks", result.remarks},
          {"report", result.report}};
}

Json parity_json(const std::vector<ParityClaim>& claims) {
  Json list = Json::array();
  for (const auto& claim : claims)
    list.push_back({{"what", claim.what},
                    {"difference", claim.difference},
                    {"tolerance", claim.tolerance},
                    {"held", claim.held()}});
  return list;
}

}  // namespace

Json ConversionResult::to_json(const ConvertRequest& request) const {
  return {{"method", request.method},
          {"family", family},
          {"active_params", converted.active},
          {"total_params", converted.total},
          {"dense_params", dense.total},
          {"active_share", active},
          {"seconds", seconds},
          {"seed", request.seed},
          {"options", options},
          {"parity", parity_json(parity)},
          {"remarks", remarks},
          {"report", report}};
}

ConversionResult convert_model(const std::filesystem::path& dense, const ConvertRequest& request,
                               const std::filesystem::path& out) {
  const Converter& converter = converters().get(request.method, "--method");
  check_request(request);
  ConversionResult result{.options = converter.read_settings(request.settings)};

  const ModelDirectory directory(dense);
  const ModelSpec& spec = directory.spec();
  require_next_token_model(spec, dense.string());
  require_dense(spec, dense.string());
  AtomicDirectory target(out, request.overwrite);
  at::set_num_threads(thread_count());
  const auto tokenizer = load_tokenizer(dense);
  const int64_t longest = std::min<int64_t>(spec.context, 2048);
  const Calibration text =
      read_calibration(request.calibration, *tokenizer,
                       request.context > 0 ? std::min(request.context, spec.context) : longest);
  const StateDict state = read_state(directory);

  const auto start = std::chrono::steady_clock::now();
  Conversion conversion = converter.convert(
      {.spec = spec,
       .state = state,
       .text = text,
       .words =
           [&] {
             return words_of_files({&request.calibration, 1}, DocumentBreak::marker, *tokenizer);
           },
       .active = request.active,
       .experts = request.experts,
       .seed = request.seed},
      request.settings);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.spec = conversion.spec;
  result.parity = conversion.parity;
  result.remarks = conversion.remarks;
  result.report = conversion.report;
  result.family = writable_family(conversion.spec);
  result.dense = count_parameters(spec);
  result.converted = count_parameters(conversion.spec);
  result.active =
      static_cast<double>(result.converted.ffn_active) / static_cast<double>(result.dense.ffn_total);
  require_parity(result.parity, request.method);

  check_expert_tensors(conversion.spec, request.files.expert_tensors);
  const auto model = make_model(conversion.spec, conversion.state);
  Rng rng = Rng(request.seed).fork("coverage");
  report_load(result, expert_load(*model, text.sample(8, rng)));
  report_share(result, request, spec);

  const DType stored = directory.tensor("model.embed_tokens.weight").dtype;
  save_model(target.path(), conversion.spec, conversion.state, request.dtype.value_or(stored), request.files);
  copy_companion_files(dense, target.path());
  if (request.dtype.value_or(stored) == stored) {
    result.parity.push_back(unchanged_on_disk(directory, ModelDirectory(target.path())));
    require_parity(result.parity, request.method);
  }
  write_file(target.path() / "parity.json", to_text(parity_json(result.parity)));
  write_file(target.path() / "coppice.yaml", to_yaml(provenance(dense, request, result)));
  target.commit();
  return result;
}

}  // namespace coppice::lab
