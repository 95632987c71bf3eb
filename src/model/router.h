#pragma once
// The router of a mixture of experts, by the stages of RouterSpec: source -> score -> selection -> weight.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/ffn.h"
#include "model/word_experts.h"

namespace coppice {

// An expert that a token goes to, and the factor of its output.
struct Choice {
  int32_t expert = 0;
  float weight = 0;
};

// The `k` experts that `router` selects by `scores` (+ `bias`, unless empty), of equal ones the lower index;
// in ascending order of index.
std::vector<int32_t> select_experts(const RouterSpec& router, std::span<const float> scores,
                                    std::span<const float> bias, int64_t k);

class Router {
 public:
  // The bank of an expert, for as long as no other one is asked for.
  using BankOf = std::function<const FfnBank&(int64_t expert)>;
  // Only a source that looks at the experts asks for them.
  Router(const MoeSpec& spec, const BankOf& bank_of, WeightStore& weights, const std::string& prefix);

  // For every row its `top_k` choices, row after row, experts ascending. A router by words wants a routing id of every
  // row in the pass, or there is an Error.
  std::vector<Choice> route(const Pass& pass, const float* x, int64_t top_k);
  int64_t bytes() const { return first_.bytes() + second_.bytes(); }

 private:
  std::vector<Choice> route_words(const Pass& pass) const;
  void compute_logits(const Pass& pass, const float* x);
  void estimate_sparsity(const Pass& pass, const float* x);
  void score(const Pass& pass, std::span<float> scores) const;
  void choose(const Pass& pass, int64_t row, int64_t top_k, Choice* choices);

  RouterSpec spec_;
  int64_t experts_;
  kernels::Unit unit_;
  Matrix first_,
      second_;  // linear: W, none; mlp_tanh: hidden, output; neurons: gate, up; sparsity: means, variances
  std::vector<float> column_statistics_;  // what first_ and second_ point into, for sparsity
  std::vector<float> expert_scale_, selection_bias_, norm_;
  std::vector<float> logits_, hidden_, squares_;
  WordExperts word_experts_;
};

}  // namespace coppice
