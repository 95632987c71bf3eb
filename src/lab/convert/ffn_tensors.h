#pragma once
// The feed-forward tensors of one layer in a StateDict, and what conversions require of a dense model.

#include <memory>
#include <string>

#include "base/rng.h"
#include "lab/convert/neuron_sets.h"
#include "lab/nn/language_model.h"

namespace coppice::lab {

std::string ffn_prefix(int64_t layer);  // "model.layers.N.mlp"

// The FFN whose projections are at `prefix`; an absent gate or bias stays undefined.
FfnWeights ffn_at(const StateDict& state, const std::string& prefix);
void put_ffn(StateDict& state, const std::string& prefix, const FfnWeights& ffn);
// Removes every tensor below `prefix`.
void erase_ffn(StateDict& state, const std::string& prefix);

// The FFN of one layer as a module with the weights of `state`.
std::shared_ptr<FeedForward> load_ffn(const ModelSpec& spec, const StateDict& state, int64_t layer);

// Makes a dense layer a mixture of `experts` experts that each have all its weights, and of an otherwise plain MoeSpec; what
// its router needs is left to the caller.
void copy_to_experts(ModelSpec& spec, StateDict& state, int64_t layer, int64_t experts);

const DenseFfnSpec& dense_ffn(const ModelSpec& spec, int64_t layer);

// Errors unless every FFN is dense; and for methods that make experts: without biases, which experts do not have.
void require_dense(const ModelSpec& spec, const std::string& where);
void require_no_ffn_bias(const ModelSpec& spec, const std::string& method);
void require_gated(const ModelSpec& spec, const std::string& method);
// A usage Error that tells which numbers divide, unless `experts` divides the width of every FFN.
void require_experts_divide(const ModelSpec& spec, int64_t experts);

// Independent draws from N(0, deviation^2), the same on every platform; float32.
torch::Tensor normal_tensor(torch::IntArrayRef shape, double deviation, Rng& rng);

// How many of `units` equal parts come nearest to the share `active`: at least `least`, at most all.
int64_t nearest_units(double active, int64_t units, int64_t least = 1);

}  // namespace coppice::lab
