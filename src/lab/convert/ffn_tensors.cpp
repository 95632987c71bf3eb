#include "lab/convert/ffn_tensors.h"

#include <algorithm>
#include <cmath>

namespace coppice::lab {

std::string ffn_prefix(int64_t layer) {
  return fmt::format("model.layers.{}.mlp", layer);
}

FfnWeights ffn_at(const StateDict& state, const std::string& prefix) {
  auto find = [&](const char* name) {
    const auto found = state.find(prefix + name);
    return found == state.end() ? torch::Tensor() : found->second;
  };
  return {.gate = find(".gate_proj.weight"),
          .up = state.at(prefix + ".up_proj.weight"),
          .down = state.at(prefix + ".down_proj.weight"),
          .gate_bias = find(".gate_proj.bias"),
          .up_bias = find(".up_proj.bias"),
          .down_bias = find(".down_proj.bias")};
}

void put_ffn(StateDict& state, const std::string& prefix, const FfnWeights& ffn) {
  auto put = [&](const char* name, const torch::Tensor& tensor) {
    if (tensor.defined()) state[prefix + name] = tensor;
  };
  put(".gate_proj.weight", ffn.gate);
  put(".up_proj.weight", ffn.up);
  put(".down_proj.weight", ffn.down);
  put(".gate_proj.bias", ffn.gate_bias);
  put(".up_proj.bias", ffn.up_bias);
  put(".down_proj.bias", ffn.down_bias);
}

void erase_ffn(StateDict& state, const std::string& prefix) {
  std::erase_if(state, [&](const auto& entry) { return entry.first.starts_with(prefix + "."); });
}

std::shared_ptr<FeedForward> load_ffn(const ModelSpec& spec, const StateDict& state, int64_t layer) {
  const torch::NoGradGuard no_grad;
  auto ffn = make_ffn(spec.blocks.at(static_cast<size_t>(layer)).ffn, spec.width);
  auto fill = [&](const auto& named) {
    for (const auto& entry : named) {
      torch::Tensor target = entry.value();
      target.copy_(state.at(ffn_prefix(layer) + "." + entry.key()));
    }
  };
  fill(ffn->named_parameters());
  fill(ffn->named_buffers());
  for (auto& parameter : ffn->parameters()) parameter.set_requires_grad(false);
  return ffn;
}

void copy_to_experts(ModelSpec& spec, StateDict& state, int64_t layer, int64_t experts) {
  const DenseFfnSpec dense = dense_ffn(spec, layer);
  spec.blocks[static_cast<size_t>(layer)].ffn =
      MoeSpec{.widths = std::vector<int64_t>(static_cast<size_t>(experts), dense.width),
              .gated = dense.gated,
              .activation = dense.activation};
  const std::string prefix = ffn_prefix(layer);
  const FfnWeights ffn = ffn_at(state, prefix);
  erase_ffn(state, prefix);
  for (int64_t e = 0; e < experts; ++e) put_ffn(state, fmt::format("{}.experts.{}", prefix, e), ffn);
}

const DenseFfnSpec& dense_ffn(const ModelSpec& spec, int64_t layer) {
  return std::get<DenseFfnSpec>(spec.blocks.at(static_cast<size_t>(layer)).ffn);
}

void require_dense(const ModelSpec& spec, const std::string& where) {
  for (size_t i = 0; i < spec.blocks.size(); ++i)
    if (moe_of(spec.blocks[i]) != nullptr)
      throw Error({.where = where,
                   .found = fmt::format("a mixture of experts already, in block {}", i),
                   .expected = "a dense model",
                   .advice = "convert the dense model that it was made from"});
}

void require_no_ffn_bias(const ModelSpec& spec, const std::string& method) {
  for (int64_t layer = 0; layer < static_cast<int64_t>(spec.blocks.size()); ++layer)
    if (dense_ffn(spec, layer).bias)
      throw Error({.where = method,
                   .found = "a feed-forward with biases",
                   .expected = "one without: experts have none"});
}

void require_gated(const ModelSpec& spec, const std::string& method) {
  for (int64_t layer = 0; layer < static_cast<int64_t>(spec.blocks.size()); ++layer)
    if (!dense_ffn(spec, layer).gated)
      throw Error({.where = method,
                   .found = "a feed-forward without a gate projection",
                   .expected = "a gated one (SwiGLU and kin)"});
}

void require_experts_divide(const ModelSpec& spec, int64_t experts) {
  for (int64_t layer = 0; layer < static_cast<int64_t>(spec.blocks.size()); ++layer) {
    const int64_t width = dense_ffn(spec, layer).width;
    if (width > 0 && width % experts == 0) continue;
    std::string divisors;
    for (int64_t n = 2; n <= std::min<int64_t>(width, 256); ++n)
      if (width % n == 0) divisors += (divisors.empty() ? "" : ", ") + std::to_string(n);
    throw Error(
        {.where = "--experts",
         .found = fmt::format("{}, which does not divide the {} neurons of a feed-forward", experts, width),
         .expected = divisors.empty() ? "a width with divisors" : "one of " + divisors},
        Fault::usage);
  }
}

torch::Tensor normal_tensor(torch::IntArrayRef shape, double deviation, Rng& rng) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  float* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * rng.normal());
  return tensor;
}

int64_t nearest_units(double active, int64_t units, int64_t least) {
  return std::clamp<int64_t>(std::llround(active * static_cast<double>(units)), std::min(least, units),
                             units);
}

}  // namespace coppice::lab
