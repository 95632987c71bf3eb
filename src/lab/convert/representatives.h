#pragma once
// Routers that are made from the weights and activations themselves rather than trained.

#include <vector>

#include <torch/torch.h>

#include "lab/convert/neuron_sets.h"
#include "model/spec.h"

namespace coppice::lab {

// L1 distance of every neuron's marker column to every centroid: markers [tokens, neurons] uint8 of 0 and 1, centroids
// [tokens, clusters] in [0, 1] -> [neurons, clusters] float64. As |0-c| = c and |1-c| = 1-c, it is one matrix product.
torch::Tensor marker_distances(const torch::Tensor& markers, const torch::Tensor& centroids);

// For each set the neuron whose marker column is nearest (L1) to the mean column of its set; of equals the first.
NeuronSet representative_neurons(const torch::Tensor& markers, const std::vector<NeuronSet>& sets);

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
