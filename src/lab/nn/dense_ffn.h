#pragma once
// down(act(gate x) * up x), or down(act(up x)) when not gated: a dense feed-forward, and each expert of a
// mixture.

#include "lab/nn/language_model.h"
#include "lab/nn/linear.h"

namespace coppice::lab {

// The matrices of one feed-forward, registered into `owner` as {gate,up,down}_proj.
class Bank {
 public:
  Bank(torch::nn::Module& owner, int64_t width, const DenseFfnSpec& spec);

  // The neurons' activations: [..., width] -> [..., neurons].
  torch::Tensor hidden(const torch::Tensor& x) const;
  torch::Tensor down(const torch::Tensor& hidden) const { return down_->forward(hidden); }
  const torch::Tensor& up_weight() const { return up_->weight; }
  torch::Tensor forward(const torch::Tensor& x) const { return down(hidden(x)); }

 private:
  Activation activation_;
  std::shared_ptr<Linear> gate_, up_, down_;
};

class DenseFfn : public FeedForward {
 public:
  DenseFfn(const DenseFfnSpec& spec, int64_t width) : bank_(*this, width, spec) {}
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& /*words*/ = {}) override {
    return bank_.forward(x);
  }

 private:
  Bank bank_;
};

}  // namespace coppice::lab
