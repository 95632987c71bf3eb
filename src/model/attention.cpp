#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "model/mix_heads.h"

namespace coppice {

// A run of query tokens of one sequence, for the query heads that share one key-value head.
struct Attention::Task {
  const Slice* slice = nullptr;
  int64_t head = 0, begin = 0, count = 0;
};

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

  constexpr int64_t queries_per_task = 32;
  std::vector<Task> tasks;
  int64_t work = 0;
  for (const auto& slice : pass.slices) {
    const int64_t length = slice.past() + slice.count;
    rope_->extend(length);
    if (relative_bias_) relative_bias_->extend(length);
    for (int64_t t = 0; t < slice.count; ++t) store_new(pass, slice, t);
    work += slice.count * length * query_.rows;
    for (int64_t head = 0; head < spec_.kv_heads; ++head)
      for (int64_t t = 0; t < slice.count; t += queries_per_task)
        tasks.push_back({&slice, head, t, std::min(queries_per_task, slice.count - t)});
  }
  constexpr int64_t least_work = 1 << 15;
  const auto count = static_cast<int64_t>(tasks.size());
  const int64_t grain = std::max<int64_t>(1, count * least_work / std::max<int64_t>(1, work));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) attend(pass, tasks[static_cast<size_t>(i)]);
  });
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

// Rotates the new token's queries and keys and appends keys and values to the cache.
void Attention::store_new(const Pass& pass, const Slice& slice, int64_t t) {
  const int64_t row = slice.begin + t, position = slice.past() + t, dim = spec_.head_dim;
  auto& state = slice.cache->state<KeyValueState>(pass.layer);
  for (int64_t head = 0; head < spec_.heads; ++head)
    rope_->turn(pass.kernels, queries_.data() + row * query_.rows + head * dim, position);
  for (int64_t head = 0; head < spec_.kv_heads; ++head) {
    float* key = state.keys(head, position);
    std::copy_n(keys_.data() + row * key_.rows + head * dim, dim, key);
    rope_->turn(pass.kernels, key, position);
    std::copy_n(values_.data() + row * value_.rows + head * dim, dim, state.values(head, position));
  }
}

void Attention::attend(const Pass& pass, const Task& task) {
  auto& state = task.slice->cache->state<KeyValueState>(pass.layer);
  const int64_t dim = spec_.head_dim, group = spec_.heads / spec_.kv_heads;
  const int64_t first = task.slice->past() + task.begin;  // position of the first query
  const int64_t known = task.slice->past() + task.slice->count;
  const auto first_seen_by = [this](int64_t position) {
    return spec_.window == 0 ? 0 : std::max<int64_t>(0, position - spec_.window + 1);
  };
  const auto end_seen_by = [this, known](int64_t position) {
    if (spec_.causal) return position + 1;
    return spec_.window == 0 ? known : std::min(known, position + spec_.window);
  };
  // The positions that any of the queries sees: the first query sees the first of them, the last query the
  // last.
  const int64_t start = first_seen_by(first), length = end_seen_by(first + task.count - 1) - start;
  const int64_t queries = (task.slice->begin + task.begin) * query_.rows + task.head * group * dim;
  const auto to_shares = [&](int64_t t, int64_t head, float* scores) {
    const int64_t begin = first_seen_by(first + t) - start, end = end_seen_by(first + t) - start;
    if (relative_bias_) {
      const float* biases = relative_bias_->biases(task.head * group + head, first + t, start + begin);
      pass.kernels.add(scores + begin, biases, 1, end - begin);
    }
    pass.kernels.softmax(scores + begin, end - begin);
    std::fill(scores, scores + begin, 0.0f);         // what lies before the window weighs nothing,
    std::fill(scores + end, scores + length, 0.0f);  // nor what lies behind it, or ahead
  };
  mix_heads(pass.kernels,
            {.queries = queries_.data() + queries,
             .mixed = mixed_.data() + queries,
             .stride = query_.rows,
             .tokens = task.count,
             .group = group,
             .head_dim = dim,
             .scale = score_scale(spec_),
             .keys = state.keys(task.head, start),
             .values = state.values(task.head, start),
             .length = length},
            to_shares);
}

}  // namespace coppice
