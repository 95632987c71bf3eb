#pragma once
// The core of softmax attention: some queries of one sequence, of the query heads that share one key-value
// head, over a run of positions.

#include <cstdint>
#include <functional>

#include "kernels/kernels.h"

namespace coppice {

struct AttentionSpec;

struct HeadPanel {
  const float* queries = nullptr;  // of the first token and head; `stride` floats from token to token
  float* mixed = nullptr;          // the result, laid out like the queries
  int64_t stride = 0;
  int64_t tokens = 0, group = 1, head_dim = 0;  // `group` heads lie one after the other
  float scale = 1;                              // of the scores
  const float* keys = nullptr;                  // [length, head_dim]
  const float* values = nullptr;                // [length, head_dim]
  int64_t length = 0;
};

// Turns the `length` scores of one token and head into shares of the values: a bias, softmax, zeros for what
// it does not see.
using ScoresToShares = std::function<void(int64_t token, int64_t head_of_group, float* scores)>;

// mixed = shares(scale * queries · keys) · values.
void mix_heads(const kernels::Kernels& kernels, const HeadPanel& panel, const ScoresToShares& to_shares);

// The factor of the scores that AttentionSpec asks for.
float score_scale(const AttentionSpec& spec);

}  // namespace coppice
