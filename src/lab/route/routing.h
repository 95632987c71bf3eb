#pragma once
// What a mixture-of-experts layer decided, for dispatch, auxiliary losses, ledgers and traces.

#include <torch/torch.h>

namespace coppice::lab {

// What one MoE layer decided for `rows` tokens (batch and length flattened).
struct Routing {
  int64_t expert_count = 0;
  torch::Tensor logits;   // [rows, experts]; undefined if words choose
  torch::Tensor scores;   // [rows, experts], after softmax or sigmoid over all experts; likewise
  torch::Tensor experts;  // [rows, top_k] int64, best first; of equal scores the lower index first
  torch::Tensor weights;  // [rows, top_k], what multiplies each expert's output
};

}  // namespace coppice::lab
