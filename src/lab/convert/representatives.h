#pragma once
// Routers that are made from the weights and activations themselves rather than trained.

#include <vector>

#include <torch/torch.h>

#include "base/fields.h"
#include "lab/convert/neuron_sets.h"
#include "model/spec.h"

namespace coppice::lab {

// How far a neuron's marker column lies from a centroid.
enum class MarkerDistance {
  l1,  // sum of |a - c|. Columns of few markers are all near each other, and nearest to any mean of sparse columns
  cosine,  // 1 - a.c / (|a| |c|): on which tokens a neuron fires, whatever its rate; 1 for a neuron that never fires
};

// Distance of every neuron's marker column to every centroid: markers [tokens, neurons] uint8 of 0 and 1, centroids
// [tokens, clusters] in [0, 1] -> [neurons, clusters] float64. As |0-c| = c and |1-c| = 1-c, L1 is one matrix product.
torch::Tensor marker_distances(const torch::Tensor& markers, const torch::Tensor& centroids,
                               MarkerDistance distance);

// For each set the neuron whose marker column is nearest to the mean column of its set; of equals the first.
NeuronSet representative_neurons(const torch::Tensor& markers, const std::vector<NeuronSet>& sets,
                                 MarkerDistance distance);

// Rows of the up and gate projections of these neurons, each scaled to length 1: the matrices of a `neurons` router.
struct NeuronRouter {
  torch::Tensor up, gate;  // [experts, width]
};
NeuronRouter neuron_router(const FfnWeights& ffn, const NeuronSet& representatives);

// Rows of a linear router by the features of the tokens that each expert serves best, in the manner of LLaMA-MoE v2
// (Qu et al. 2024): row e is the mean of x/|x| over the tokens for which expert e is among the `top_k` whose part of the
// output (the norm of the hidden neurons in sets[e], each weighted by the length of its down column) is largest, minus
// the mean over all tokens. h: [tokens, neurons], x: [tokens, width] -> [experts, width].
torch::Tensor centroid_router(const FfnWeights& ffn, const torch::Tensor& x, const torch::Tensor& h,
                              const std::vector<NeuronSet>& sets, int64_t top_k);

}  // namespace coppice::lab

namespace coppice {

template <>
struct EnumNames<lab::MarkerDistance> {
  static constexpr auto values = std::to_array<std::pair<lab::MarkerDistance, const char*>>(
      {{lab::MarkerDistance::l1, "l1"}, {lab::MarkerDistance::cosine, "cosine"}});
};

}  // namespace coppice
