#pragma once
// The core of softmax attention: queries of some sequences over the keys and values that each has in blocks.
//
// Each query goes through the positions that it sees in spans of `span_positions`, whose bounds depend on nothing but the
// position; what the spans give is merged in their order. So a long context can be split over threads, a prompt be cut
// anywhere and a batch have any company without changing a bit. (Splitting by the number of threads instead would be
// simpler and would tie results to it.)

#include <cstdint>
#include <span>

#include "model/kv_cache.h"
#include "model/relative_bias.h"

namespace coppice {

constexpr int64_t span_positions = 512;

struct AttendShape {
  int64_t heads = 1, kv_heads = 1, head_dim = 0;
  float scale = 1;  // of the scores
  int64_t window = 0;
  bool causal = true;  // else queries see the keys ahead too, as far as a window says
};

struct AttendSequence {
  int64_t row = 0, count = 0;  // of its queries among those of the batch
  int64_t first = 0;           // position of the first of them
  int64_t known = 0;           // positions that have keys
  const KeyValueState* blocks = nullptr;
};

// mixed[row, head] = softmax(scale * queries[row, head] · keys + bias) · values; both have heads * head_dim floats per row.
void attend(const AttendShape& shape, std::span<const AttendSequence> sequences, const RelativeBias* bias,
            const float* queries, float* mixed);

// The factor of the scores that AttentionSpec asks for.
float score_scale(const AttentionSpec& spec);

}  // namespace coppice
