#pragma once
// Sets of hidden neurons of one FFN, and cutting experts out of it by such a set.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "base/rng.h"

namespace coppice::lab {

using NeuronSet = std::vector<int64_t>;  // ascending

// Neurons of [0, width) that lie in no set, plus those that lie in more than one: 0 for a partition.
int64_t partition_faults(const std::vector<NeuronSet>& sets, int64_t width);

// `count` random disjoint sets of equal size that cover `neurons`; count divides their number.
std::vector<NeuronSet> random_partition(NeuronSet neurons, int64_t count, Rng& rng);

// Sets from labels: neuron neurons[i] goes to set labels[i].
std::vector<NeuronSet> sets_of_labels(const NeuronSet& neurons, const std::vector<int64_t>& labels,
                                      int64_t count);

// The neurons of [0, width) outside `set`.
NeuronSet complement(const NeuronSet& set, int64_t width);

// The `count` neurons of highest score, ascending; of equal scores the lower index. scores: [width].
NeuronSet top_neurons(const torch::Tensor& scores, int64_t count);

// Weights of one FFN: down(act(gate x) * up x). Undefined tensors are absent.
struct FfnWeights {
  torch::Tensor gate, up;            // [neurons, width]
  torch::Tensor down;                // [width, neurons]
  torch::Tensor gate_bias, up_bias;  // [neurons]
  torch::Tensor down_bias;           // [width]

  int64_t neurons() const { return up.size(0); }
  // The FFN of these neurons alone, in own memory. The output bias stays whole.
  FfnWeights slice(const NeuronSet& set) const;
};

}  // namespace coppice::lab
