#pragma once
// Dropless dispatch: tokens grouped by expert, each expert's group computed at once, results put back in
// place.

#include <vector>

#include <torch/torch.h>

namespace coppice::lab {

// Rows of `x` in the order `order`, a permutation whose inverse is `inverse`; its gradient is a permutation
// too.
torch::Tensor permute_rows(const torch::Tensor& x, const torch::Tensor& order, const torch::Tensor& inverse);

// The (token, choice) pairs of a routing, flattened to rows * top_k, sorted by expert and within an expert by
// token.
struct Grouping {
  torch::Tensor order, inverse;  // int64 [rows * top_k]
  std::vector<int64_t> counts;   // per expert
};
Grouping group_by_expert(const torch::Tensor& experts, int64_t expert_count);

}  // namespace coppice::lab
