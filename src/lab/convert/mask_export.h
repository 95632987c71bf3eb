#pragma once
// From trained mask logits to experts of fixed width.

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "lab/convert/neuron_sets.h"

namespace coppice::lab {

// The width that a layer's masks have learned: the largest over experts of the expected number of neurons on, where a
// neuron with logit l is on with chance P(l + Gumbel > 0) = 1 - exp(-exp(l)). logits: [experts, neurons].
double learned_width(const torch::Tensor& logits);

// Whole widths in proportion to `learned`, each between 1 and its capacity, whose sum is the budget (or as near as the
// limits allow). Rounding goes to the largest remainders, of equal ones to the first.
std::vector<int64_t> allocate_widths(const std::vector<double>& learned, const std::vector<int64_t>& capacity,
                                     int64_t budget);

// For each expert its `width` neurons of highest logit.
std::vector<NeuronSet> expert_neurons(const torch::Tensor& logits, int64_t width);

// [experts, neurons] of 0 and 1.
torch::Tensor masks_of(const std::vector<NeuronSet>& experts, int64_t neurons);

// Share of the neurons that lie in some set.
double coverage(const std::vector<NeuronSet>& experts, int64_t neurons);

}  // namespace coppice::lab
