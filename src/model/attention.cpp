#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
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
  project(pass, x);
  if (spec_.qk_norm != QkNorm::none) {
    norm_heads(pass.kernels, queries_, query_norm_, query_.rows);
    norm_heads(pass.kernels, keys_, key_norm_, key_.rows);
  }

  std::vector<const Slice*> slice_of(rows);
  std::vector<AttendSequence> sequences;
  for (const auto& slice : pass.slices) {
    const int64_t length = slice.past() + slice.count;
    rope_->extend(length);
    if (relative_bias_) relative_bias_->extend(length);
    std::fill_n(slice_of.begin() + slice.begin, slice.count, &slice);
    sequences.push_back({.row = slice.first_wanted,
                         .count = slice.wanted,
                         .first = slice.past() + slice.unwanted(),
                         .known = length,
                         .blocks = &slice.cache->state<KeyValueState>(pass.layer)});
  }
  constexpr int64_t heads_per_task = 4;
  parallel_for(pass.rows * spec_.kv_heads, heads_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / spec_.kv_heads;
      const Slice& slice = *slice_of[static_cast<size_t>(row)];
      store_new(pass, slice, row - slice.begin, i % spec_.kv_heads);
    }
  });
  attend({.heads = spec_.heads,
          .kv_heads = spec_.kv_heads,
          .head_dim = spec_.head_dim,
          .scale = score_scale(spec_),
          .window = spec_.window,
          .causal = spec_.causal},
         sequences, relative_bias_.get(), queries_.data(), mixed_.data());
  if (!gates_.empty()) gate_mixed(pass);
  const LinearJob output[] = {{output_, output_bias_, mixed_.data(), y}};
  run_linear(pass.kernels, output, pass.wanted_rows());
}

// Keys and values of all rows, queries and gates of those that are wanted.
void Attention::project(const Pass& pass, const float* x) {
  const auto rows = static_cast<size_t>(pass.rows), wanted = static_cast<size_t>(pass.wanted_rows());
  keys_.resize(rows * static_cast<size_t>(key_.rows));
  values_.resize(keys_.size());
  queries_.resize(wanted * static_cast<size_t>(query_.rows));
  mixed_.resize(queries_.size());
  gates_.resize(wanted * static_cast<size_t>(gate_.rows));
  const float* asking = wanted_of(pass, x, pass.width, wanted_);
  static const std::vector<float> no_bias;
  const LinearJob jobs[] = {{key_, key_bias_, x, keys_.data()},
                            {value_, value_bias_, x, values_.data()},
                            {query_, query_bias_, asking, queries_.data()},
                            {gate_, no_bias, asking, gates_.data()}};
  const size_t count = spec_.gate == AttentionGate::none ? 3 : 4;
  run_linear(pass.kernels, std::span(jobs).first(count), pass.rows, 2, pass.wanted_rows());
}

// Norms each head of all rows, or all heads together, as long as the norm's weights are.
void Attention::norm_heads(const kernels::Kernels& kernels, std::vector<float>& rows,
                           const std::vector<float>& weight, int64_t width) const {
  const auto step = static_cast<int64_t>(weight.size());
  for_each_row(static_cast<int64_t>(rows.size()) / width, width, [&](int64_t row) {
    float* values = rows.data() + row * width;
    for (int64_t i = 0; i < width; i += step)
      kernels.rms_norm(values + i, weight.data(), step, norm_epsilon_, values + i);
  });
}

// Multiplies what each head mixed by its sigmoid gate, or each element by its own.
void Attention::gate_mixed(const Pass& pass) {
  const int64_t per_gate = query_.rows / gate_.rows;
  for_each_row(pass.wanted_rows(), query_.rows, [&](int64_t row) {
    float* mixed = mixed_.data() + row * query_.rows;
    const float* gates = gates_.data() + row * gate_.rows;
    for (int64_t i = 0; i < query_.rows; ++i) mixed[i] /= 1 + std::exp(-gates[i / per_gate]);
  });
}

// Rotates the new token's key of a head, and the queries that ask it if they are wanted, and puts key and value into the
// cache.
void Attention::store_new(const Pass& pass, const Slice& slice, int64_t t, int64_t head) {
  const int64_t row = slice.begin + t, position = slice.past() + t, dim = spec_.head_dim;
  auto& state = slice.cache->state<KeyValueState>(pass.layer);
  if (slice.wants(t)) {
    const int64_t group = spec_.heads / spec_.kv_heads;
    float* query = queries_.data() + slice.wanted_row(t) * query_.rows;
    for (int64_t asking = head * group; asking < (head + 1) * group; ++asking)
      rope_->turn(pass.kernels, query + asking * dim, position);
  }
  float* key = keys_.data() + row * key_.rows + head * dim;
  rope_->turn(pass.kernels, key, position);
  state.store(kernels::active_attention(), head, position, key,
              values_.data() + row * value_.rows + head * dim);
}

}  // namespace coppice
