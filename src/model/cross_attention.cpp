#include "model/cross_attention.h"

#include <algorithm>

#include "base/parallel.h"
#include "model/mix_heads.h"

namespace coppice {

int64_t EncodedSource::bytes() const {
  size_t floats = states_.size();
  for (const auto& layer : layers_) floats += layer.keys.size() + layer.values.size();
  return static_cast<int64_t>(4 * floats);
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
  std::vector<float> rows;
  for (const auto& source : sources) {
    auto& kept = source->layers_.at(static_cast<size_t>(layer));
    const auto project = [&](const Matrix& weights, const std::vector<float>& bias,
                             std::vector<float>& by_head) {
      rows.resize(static_cast<size_t>(source->length_ * weights.rows));
      const LinearJob job[] = {{weights, bias, source->states_.data(), rows.data()}};
      run_linear(kernels, job, source->length_);
      by_head.resize(rows.size());
      for (int64_t head = 0; head < spec_.kv_heads; ++head)
        for (int64_t t = 0; t < source->length_; ++t)
          std::copy_n(rows.data() + t * weights.rows + head * dim, dim,
                      by_head.data() + (head * source->length_ + t) * dim);
    };
    project(key_, key_bias_, kept.keys);
    project(value_, value_bias_, kept.values);
  }
}

void CrossAttention::forward(const Pass& pass, const float* x, float* y) {
  queries_.resize(static_cast<size_t>(pass.rows * query_.rows));
  mixed_.resize(queries_.size());
  const LinearJob queries[] = {{query_, query_bias_, x, queries_.data()}};
  run_linear(pass.kernels, queries, pass.rows);

  struct Task {
    const Slice* slice = nullptr;
    int64_t head = 0, begin = 0, count = 0;
  };
  constexpr int64_t queries_per_task = 32, least_work = 1 << 15;
  std::vector<Task> tasks;
  int64_t work = 0;
  for (const auto& slice : pass.slices) {
    work += slice.count * slice.source->length() * query_.rows;
    for (int64_t head = 0; head < spec_.kv_heads; ++head)
      for (int64_t t = 0; t < slice.count; t += queries_per_task)
        tasks.push_back({&slice, head, t, std::min(queries_per_task, slice.count - t)});
  }
  const int64_t group = spec_.heads / spec_.kv_heads, dim = spec_.head_dim;
  const float scale = score_scale(spec_);
  const auto attend = [&](const Task& task) {
    const EncodedSource& source = *task.slice->source;
    const auto& kept = source.layers_[static_cast<size_t>(pass.layer)];
    const int64_t length = source.length(), run = task.head * length * dim;
    const int64_t first = (task.slice->begin + task.begin) * query_.rows + task.head * group * dim;
    mix_heads(pass.kernels,
              {.queries = queries_.data() + first,
               .mixed = mixed_.data() + first,
               .stride = query_.rows,
               .tokens = task.count,
               .group = group,
               .head_dim = dim,
               .scale = scale,
               .keys = kept.keys.data() + run,
               .values = kept.values.data() + run,
               .length = length},
              [&](int64_t, int64_t, float* scores) { pass.kernels.softmax(scores, length); });
  };
  const auto count = static_cast<int64_t>(tasks.size());
  parallel_for(count, std::max<int64_t>(1, count * least_work / std::max<int64_t>(1, work)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) attend(tasks[static_cast<size_t>(i)]);
               });
  const LinearJob output[] = {{output_, output_bias_, mixed_.data(), y}};
  run_linear(pass.kernels, output, pass.rows);
}

}  // namespace coppice
