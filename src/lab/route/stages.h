#pragma once
// The stages of a router behind its source: score -> selection -> weights. Each is a function of tensors, so
// that routers of any kind compose them. All take [rows, experts].

#include "lab/route/routing.h"
#include "model/spec.h"

namespace coppice::lab {

// `norm` is the learned g of relu_norm ([experts]), else undefined.
torch::Tensor router_scores(const RouterSpec& router, const torch::Tensor& logits,
                            const torch::Tensor& norm = {});

// The expected share of each expert's neurons that fire, negated (RouterSource::sparsity): x [rows, width]
// and the up projections of the experts -> [rows, experts].
torch::Tensor expected_sparsity(const torch::Tensor& x, const std::vector<torch::Tensor>& up_projections);

// The `top_k` experts of highest score + bias that the rule of groups allows, best first; of equal ones the
// lower index. `bias` may be undefined. int64 [rows, top_k].
torch::Tensor select_experts(const torch::Tensor& scores, const torch::Tensor& bias, int64_t top_k,
                             const RouterSpec& router = {});

// What multiplies each selected expert's output; [rows, top_k]. `scale_per_expert` is the learned u of
// one_plus and scaled ([experts]), else undefined.
torch::Tensor expert_weights(const RouterSpec& router, const torch::Tensor& scores,
                             const torch::Tensor& experts, const torch::Tensor& scale_per_expert = {});

}  // namespace coppice::lab
