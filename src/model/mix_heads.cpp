#include "model/mix_heads.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/spec.h"

namespace coppice {

void mix_heads(const kernels::Kernels& kernels, const HeadPanel& panel, const ScoresToShares& to_shares) {
  const int64_t dim = panel.head_dim, row = panel.group * dim, rows = panel.tokens * panel.group;
  thread_local std::vector<float> query, score, mixed;
  query.resize(static_cast<size_t>(rows * dim));
  score.resize(static_cast<size_t>(rows * panel.length));
  mixed.resize(static_cast<size_t>(rows * dim));
  for (int64_t t = 0; t < panel.tokens; ++t)
    for (int64_t i = 0; i < row; ++i)
      query[static_cast<size_t>(t * row + i)] = panel.queries[t * panel.stride + i] * panel.scale;
  kernels.product({.x = query.data(),
                   .x_stride = dim,
                   .tokens = rows,
                   .w = panel.keys,
                   .element = kernels::Element::f32,
                   .rows = panel.length,
                   .in = dim,
                   .y = score.data(),
                   .y_stride = panel.length});
  for (int64_t t = 0; t < panel.tokens; ++t)
    for (int64_t g = 0; g < panel.group; ++g)
      to_shares(t, g, score.data() + (t * panel.group + g) * panel.length);
  kernels.combine({.h = score.data(),
                   .h_stride = panel.length,
                   .tokens = rows,
                   .w = panel.values,
                   .element = kernels::Element::f32,
                   .w_stride = dim,
                   .neurons = panel.length,
                   .columns = dim,
                   .y = mixed.data(),
                   .y_stride = dim});
  for (int64_t t = 0; t < panel.tokens; ++t)
    std::copy_n(mixed.data() + t * row, row, panel.mixed + t * panel.stride);
}

float score_scale(const AttentionSpec& spec) {
  const float by_rope = static_cast<float>(rope_score_scale(spec.rope));
  if (spec.scale) return static_cast<float>(*spec.scale) * by_rope;
  return by_rope / std::sqrt(static_cast<float>(spec.head_dim));
}

}  // namespace coppice
