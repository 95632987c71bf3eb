#pragma once
// The router of a mixture of experts, as its RouterSpec says: source -> score -> selection -> weights.

#include "lab/nn/linear.h"
#include "lab/nn/norm.h"
#include "lab/route/routing.h"
#include "model/spec.h"
#include "model/word_experts.h"

namespace coppice::lab {

// Registered as "gate". Parameters by source: weight | hidden.weight, output.weight | up.weight, gate.weight;
// and `scale` for one_plus and scaled weights. The selection bias is a buffer: it has no gradient, a rule
// moves it (balance.h).
class Router : public torch::nn::Module {
 public:
  Router(const MoeSpec& moe, int64_t width);

  // x [rows, width].
  torch::Tensor logits(const torch::Tensor& x) const;
  // `words`, int64 [rows]: the routing ids, which a router by words needs; another number of them is an Error.
  Routing forward(const torch::Tensor& x, const torch::Tensor& words = {}) const;

  torch::Tensor selection_bias;  // [experts], or undefined
  // The up projection of every expert; a router by expected sparsity must have them before it routes.
  std::vector<torch::Tensor> up_projections;

 private:
  Routing of_words(const torch::Tensor& x, const torch::Tensor& words) const;

  RouterSpec spec_;
  Activation activation_;
  int64_t experts_, top_k_;
  WordExperts word_experts_;
  torch::Tensor weight_, scale_;
  std::shared_ptr<Linear> first_, second_;  // hidden, output | gate, up
  std::shared_ptr<Norm> norm_;              // of relu_norm scores; only its weight is used
};

}  // namespace coppice::lab
