#include "lab/nn/dense_ffn.h"

#include "lab/nn/activation.h"

namespace coppice::lab {

Bank::Bank(torch::nn::Module& owner, int64_t width, const DenseFfnSpec& spec) : activation_(spec.activation) {
  if (spec.gated)
    gate_ = owner.register_module("gate_proj", std::make_shared<Linear>(width, spec.width, spec.bias));
  up_ = owner.register_module("up_proj", std::make_shared<Linear>(width, spec.width, spec.bias));
  down_ = owner.register_module("down_proj", std::make_shared<Linear>(spec.width, width, spec.bias));
}

torch::Tensor Bank::hidden(const torch::Tensor& x) const {
  if (gate_ == nullptr) return activate(activation_, up_->forward(x));
  return activate(activation_, gate_->forward(x)) * up_->forward(x);
}

}  // namespace coppice::lab
