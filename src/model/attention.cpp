#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "model/attend.h"

namespace coppice {

Attention::Attention(const AttentionSpec& spec, double norm_epsilon, WeightStore& weights,
                     const std::string& prefix, RopeTables& ropes)
    : spec_(spec),
      norm_epsilon_(static_cast<float>(norm_epsilon)),
      query_(weights.matrix(prefix + "q_proj.weight")),
      key_(weights.matrix(prefix + "k_proj.weight")),
      value_(weights.matrix(prefix + "v_proj.weight")),
      output_(weights.matrix(prefix + "o_proj.weight")),
      rope_(ropes.get(spec.rope, spec.head_dim)) {
  if (spec.qkv_bias) {
    query_bias_ = weights.vector(prefix + "q_proj.bias");
    key_bias_ = weights.vector(prefix + "k_proj.bias");
    value_bias_ = weights.vector(prefix + "v_proj.bias");
  }
  if (spec.output_bias) output_bias_ = weights.vector(prefix + "o_proj.bias");
  if (spec.qk_norm != QkNorm::none) {
    query_norm_ = weights.vector(prefix + "q_norm.weight");
    key_norm_ = weights.vector(prefix + "k_norm.weight");
  }
  if (spec.gate != AttentionGate::none) gate_ = weights.matrix(prefix + "gate_proj.weight");
}

void Attention::forward(const Pass& pass, const float* x, float* y) {
  const auto rows = static_cast<size_t>(pass.rows);
  queries_.resize(rows * static_cast<size_t>(query_.rows));
  mixed_.resize(queries_.size());
  keys_.resize(rows * static_cast<size_t>(key_.rows));
  values_.resize(keys_.size());
  gates_.resize(rows * static_cast<size_t>(gate_.rows));
  static const std::vector<float> no_bias;
  const LinearJob projections[] = {{query_, query_bias_, x, queries_.data()},
                                   {key_, key_bias_, x, keys_.data()},
                                   {value_, value_bias_, x, values_.data()},
                                   {gate_, no_bias, x, gates_.data()}};
  const bool gated = spec_.gate != AttentionGate::none;
  run_linear(pass.kernels, std::span(projections).first(gated ? 4 : 3), pass.rows);
  if (spec_.qk_norm != QkNorm::none) norm_queries_and_keys(pass);

  std::vector<const Slice*> slice_of(rows);
  std::vector<AttendSequence> sequences;
  for (const auto& slice : pass.slices) {
    const int64_t length = slice.past() + slice.count;
    rope_->extend(length);
    if (relative_bias_) relative_bias_->extend(length);
    std::fill_n(slice_of.begin() + slice.begin, slice.count, &slice);
    sequences.push_back({.row = slice.begin,
                         .count = slice.count,
                         .first = slice.past(),
                         .known = length,
                         .blocks = &slice.cache->state<KeyValueState>(pass.layer)});
  }
  for_each_row(pass, [&](int64_t row) {
    const Slice& slice = *slice_of[static_cast<size_t>(row)];
    store_new(pass, slice, row - slice.begin);
  });
  attend({.heads = spec_.heads,
          .kv_heads = spec_.kv_heads,
          .head_dim = spec_.head_dim,
          .scale = score_scale(spec_),
          .window = spec_.window,
          .causal = spec_.causal},
         sequences, relative_bias_.get(), queries_.data(), mixed_.data());
  if (gated) gate_mixed(pass);
  const LinearJob output[] = {{output_, output_bias_, mixed_.data(), y}};
  run_linear(pass.kernels, output, pass.rows);
}

void Attention::norm_queries_and_keys(const Pass& pass) {
  for_each_row(pass, [&](int64_t row) {
    const auto norm = [&](float* values, int64_t count, const std::vector<float>& weight) {
      const auto step = static_cast<int64_t>(weight.size());  // a head, or all of them
      for (int64_t i = 0; i < count; i += step)
        pass.kernels.rms_norm(values + i, weight.data(), step, norm_epsilon_, values + i);
    };
    norm(queries_.data() + row * query_.rows, query_.rows, query_norm_);
    norm(keys_.data() + row * key_.rows, key_.rows, key_norm_);
  });
}

// Multiplies what each head mixed by its sigmoid gate, or each element by its own.
void Attention::gate_mixed(const Pass& pass) {
  const int64_t per_gate = query_.rows / gate_.rows;
  for_each_row(pass, [&](int64_t row) {
    float* mixed = mixed_.data() + row * query_.rows;
    const float* gates = gates_.data() + row * gate_.rows;
    for (int64_t i = 0; i < query_.rows; ++i) mixed[i] /= 1 + std::exp(-gates[i / per_gate]);
  });
}

// Rotates the new token's queries and keys and puts keys and values into the cache.
void Attention::store_new(const Pass& pass, const Slice& slice, int64_t t) {
  const int64_t row = slice.begin + t, position = slice.past() + t, dim = spec_.head_dim;
  auto& state = slice.cache->state<KeyValueState>(pass.layer);
  const auto& kernels = kernels::active_attention();
  for (int64_t head = 0; head < spec_.heads; ++head)
    rope_->turn(pass.kernels, queries_.data() + row * query_.rows + head * dim, position);
  for (int64_t head = 0; head < spec_.kv_heads; ++head) {
    float* key = keys_.data() + row * key_.rows + head * dim;
    rope_->turn(pass.kernels, key, position);
    state.store(kernels, head, position, key, values_.data() + row * value_.rows + head * dim);
  }
}

}  // namespace coppice
