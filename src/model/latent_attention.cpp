#include "model/latent_attention.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"

namespace coppice {

// A run of wanted query tokens of one sequence, for a run of heads.
struct LatentAttention::Task {
  const Slice* slice = nullptr;
  int64_t head = 0, heads = 0, begin = 0, count = 0;
};

LatentAttention::LatentAttention(const LatentAttentionSpec& spec, WeightStore& weights,
                                 const std::string& prefix, RopeTables& ropes)
    : spec_(spec),
      norm_epsilon_(static_cast<float>(spec.norm_epsilon)),
      latent_(weights.matrix(prefix + "kv_a_proj_with_mqa.weight")),
      expand_(weights.in_rows(prefix + "kv_b_proj.weight")),
      output_(weights.matrix(prefix + "o_proj.weight")),
      latent_norm_(weights.vector(prefix + "kv_a_layernorm.weight")),
      rope_(ropes.get(spec.rope, spec.rotary_dim)) {
  const bool compressed = spec.query_rank > 0;
  query_ = weights.matrix(prefix + (compressed ? "q_b_proj.weight" : "q_proj.weight"));
  if (compressed) {
    compress_ = weights.matrix(prefix + "q_a_proj.weight");
    compress_norm_ = weights.vector(prefix + "q_a_layernorm.weight");
  }
  if (!spec.bias) return;
  if (compressed) compress_bias_ = weights.vector(prefix + "q_a_proj.bias");
  latent_bias_ = weights.vector(prefix + "kv_a_proj_with_mqa.bias");
  output_bias_ = weights.vector(prefix + "o_proj.bias");
}

const void* LatentAttention::expansion(int64_t head, int64_t row) const {
  const int64_t first = head * (spec_.plain_dim + spec_.value_dim);
  return static_cast<const std::byte*>(expand_.data) + (first + row) * expand_.row_bytes();
}

// Latent vectors of all rows and queries of those that are wanted, not yet normed nor turned.
void LatentAttention::project(const Pass& pass, const float* x) {
  static const std::vector<float> no_bias;
  const int64_t wanted = pass.wanted_rows();
  queries_.resize(static_cast<size_t>(wanted * query_.rows));
  latents_.resize(static_cast<size_t>(pass.rows * latent_.rows));
  compressed_.resize(static_cast<size_t>(wanted * compress_.rows));
  const bool compressed = spec_.query_rank > 0;
  const float* asking = wanted_of(pass, x, pass.width, wanted_);
  const LinearJob jobs[] = {{latent_, latent_bias_, x, latents_.data()},
                            compressed ? LinearJob{compress_, compress_bias_, asking, compressed_.data()}
                                       : LinearJob{query_, no_bias, asking, queries_.data()}};
  run_linear(pass.kernels, jobs, pass.rows, 1, wanted);
  if (!compressed) return;
  for_each_row(wanted, compress_.rows, [&](int64_t row) {
    float* values = compressed_.data() + row * compress_.rows;
    pass.kernels.rms_norm(values, compress_norm_.data(), compress_.rows, norm_epsilon_, values);
  });
  const LinearJob queries[] = {{query_, no_bias, compressed_.data(), queries_.data()}};
  run_linear(pass.kernels, queries, wanted);
}

// Turns the new token's queries if they are wanted, and appends its latent vector and turned key to the cache.
void LatentAttention::store_new(const Pass& pass, const Slice& slice, int64_t t) {
  const int64_t row = slice.begin + t, position = slice.past() + t, rank = spec_.latent_rank;
  if (slice.wants(t)) {
    float* query = queries_.data() + slice.wanted_row(t) * query_.rows;
    for (int64_t head = 0; head < spec_.heads; ++head)
      rope_->turn(pass.kernels, query + head * spec_.query_dim() + spec_.plain_dim, position);
  }
  const float* latent = latents_.data() + row * latent_.rows;
  thread_local std::vector<float> key;
  key.resize(static_cast<size_t>(latent_.rows));
  pass.kernels.rms_norm(latent, latent_norm_.data(), rank, norm_epsilon_, key.data());
  std::copy_n(latent + rank, spec_.rotary_dim, key.data() + rank);
  rope_->turn(pass.kernels, key.data() + rank, position);
  slice.cache->state<LatentState>(pass.layer).store(position, key.data());
}

void LatentAttention::forward(const Pass& pass, const float* x, float* y) {
  project(pass, x);
  mixed_.resize(static_cast<size_t>(pass.wanted_rows() * output_.columns));

  constexpr int64_t queries_per_task = 32, heads_per_task = 4;
  std::vector<Task> tasks;
  int64_t work = 0;
  for (const auto& slice : pass.slices) {
    const int64_t length = slice.past() + slice.count;
    rope_->extend(length);
    for (int64_t t = 0; t < slice.count; ++t) store_new(pass, slice, t);
    work += slice.wanted * spec_.heads * (length * latent_.rows + expand_.rows / spec_.heads * latent_.rows);
    for (int64_t head = 0; head < spec_.heads; head += heads_per_task)
      for (int64_t t = 0; t < slice.wanted; t += queries_per_task)
        tasks.push_back({&slice, head, std::min(heads_per_task, spec_.heads - head), t,
                         std::min(queries_per_task, slice.wanted - t)});
  }
  constexpr int64_t least_work = 1 << 15;
  const auto count = static_cast<int64_t>(tasks.size());
  const int64_t grain = std::max<int64_t>(1, count * least_work / std::max<int64_t>(1, work));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) attend(pass, tasks[static_cast<size_t>(i)]);
  });
  const LinearJob output[] = {{output_, output_bias_, mixed_.data(), y}};
  run_linear(pass.kernels, output, pass.wanted_rows());
}

void LatentAttention::attend(const Pass& pass, const Task& task) {
  const int64_t rank = spec_.latent_rank, dim = rank + spec_.rotary_dim;
  const int64_t first = task.slice->past() + task.slice->unwanted() + task.begin, length = first + task.count;
  const int64_t row = task.slice->first_wanted + task.begin, panel = task.count * task.heads;
  thread_local std::vector<float> query, score, mixed;
  query.resize(static_cast<size_t>(panel * dim));
  score.resize(static_cast<size_t>(panel * length));
  mixed.resize(static_cast<size_t>(panel * rank));

  // Queries of token t and head h, in the space of the cached vectors.
  for (int64_t h = 0; h < task.heads; ++h) {
    const float* source = queries_.data() + row * query_.rows + (task.head + h) * spec_.query_dim();
    pass.kernels.combine({.h = source,
                          .h_stride = query_.rows,
                          .tokens = task.count,
                          .w = expansion(task.head + h, 0),
                          .element = expand_.element,
                          .w_stride = rank,
                          .neurons = spec_.plain_dim,
                          .columns = rank,
                          .y = query.data() + h * dim,
                          .y_stride = task.heads * dim});
    for (int64_t t = 0; t < task.count; ++t)
      std::copy_n(source + t * query_.rows + spec_.plain_dim, spec_.rotary_dim,
                  query.data() + (t * task.heads + h) * dim + rank);
  }
  const float scale =
      static_cast<float>(rope_score_scale(spec_.rope)) / std::sqrt(static_cast<float>(spec_.query_dim()));
  for (float& value : query) value *= scale;

  const auto& state = task.slice->cache->state<LatentState>(pass.layer);
  pass.kernels.product({.x = query.data(),
                        .x_stride = dim,
                        .tokens = panel,
                        .w = state.rows(),
                        .element = state.element(),
                        .rows = length,
                        .in = dim,
                        .y = score.data(),
                        .y_stride = length});
  for (int64_t i = 0; i < panel; ++i) {
    float* scores = score.data() + i * length;
    const int64_t end = first + i / task.heads + 1;
    pass.kernels.softmax(scores, end);
    std::fill(scores + end, scores + length, 0.0f);  // the future weighs nothing
  }
  pass.kernels.combine({.h = score.data(),
                        .h_stride = length,
                        .tokens = panel,
                        .w = state.rows(),
                        .element = state.element(),
                        .w_stride = dim,
                        .neurons = length,
                        .columns = rank,
                        .y = mixed.data(),
                        .y_stride = rank});
  for (int64_t h = 0; h < task.heads; ++h)
    pass.kernels.product({.x = mixed.data() + h * rank,
                          .x_stride = task.heads * rank,
                          .tokens = task.count,
                          .w = expansion(task.head + h, spec_.plain_dim),
                          .element = expand_.element,
                          .rows = spec_.value_dim,
                          .in = rank,
                          .y = mixed_.data() + row * output_.columns + (task.head + h) * spec_.value_dim,
                          .y_stride = output_.columns});
}

}  // namespace coppice
