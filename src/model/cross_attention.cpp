#include "model/cross_attention.h"

#include "model/attend.h"

namespace coppice {

int64_t EncodedSource::bytes() const {
  auto bytes = static_cast<int64_t>(states_.size() * sizeof(float));
  for (const auto& layer : layers_)
    if (layer) bytes += layer->bytes();
  return bytes;
}

CrossAttention::CrossAttention(const AttentionSpec& spec, WeightStore& weights, const std::string& prefix)
    : spec_(spec),
      query_(weights.matrix(prefix + "q_proj.weight")),
      key_(weights.matrix(prefix + "k_proj.weight")),
      value_(weights.matrix(prefix + "v_proj.weight")),
      output_(weights.matrix(prefix + "o_proj.weight")) {
  if (spec.qkv_bias) {
    query_bias_ = weights.vector(prefix + "q_proj.bias");
    key_bias_ = weights.vector(prefix + "k_proj.bias");
    value_bias_ = weights.vector(prefix + "v_proj.bias");
  }
  if (spec.output_bias) output_bias_ = weights.vector(prefix + "o_proj.bias");
}

void CrossAttention::prepare(const kernels::Kernels& kernels, int64_t layer,
                             const std::vector<std::shared_ptr<EncodedSource>>& sources) const {
  const int64_t dim = spec_.head_dim;
  const auto& attention = kernels::active_attention();
  std::vector<float> keys, values;
  for (const auto& source : sources) {
    const int64_t length = source->length_;
    keys.resize(static_cast<size_t>(length * key_.rows));
    values.resize(keys.size());
    const LinearJob jobs[] = {{key_, key_bias_, source->states_.data(), keys.data()},
                              {value_, value_bias_, source->states_.data(), values.data()}};
    run_linear(kernels, jobs, length);
    auto& kept = source->layers_.at(static_cast<size_t>(layer)).emplace(spec_, KvOptions{});
    kept.reserve(0, length);
    for (int64_t t = 0; t < length; ++t)
      for (int64_t head = 0; head < spec_.kv_heads; ++head) {
        const int64_t at = t * key_.rows + head * dim;
        kept.store(attention, head, t, keys.data() + at, values.data() + at);
      }
  }
}

void CrossAttention::forward(const Pass& pass, const float* x, float* y) {
  queries_.resize(static_cast<size_t>(pass.rows * query_.rows));
  mixed_.resize(queries_.size());
  const LinearJob queries[] = {{query_, query_bias_, x, queries_.data()}};
  run_linear(pass.kernels, queries, pass.rows);

  std::vector<AttendSequence> sequences;
  for (const auto& slice : pass.slices)
    sequences.push_back({.row = slice.begin,
                         .count = slice.count,
                         .known = slice.source->length(),
                         .blocks = &*slice.source->layers_[static_cast<size_t>(pass.layer)]});
  attend({.heads = spec_.heads,
          .kv_heads = spec_.kv_heads,
          .head_dim = spec_.head_dim,
          .scale = score_scale(spec_),
          .causal = false},
         sequences, nullptr, queries_.data(), mixed_.data());
  const LinearJob output[] = {{output_, output_bias_, mixed_.data(), y}};
  run_linear(pass.kernels, output, pass.rows);
}

}  // namespace coppice
