#pragma once
// The plain parts that other modules are made of.

#include <memory>

#include <torch/torch.h>

namespace coppice::lab {

// A freshly initialised matrix (out, in): normal(0, 0.02).
inline torch::Tensor new_weight(int64_t out, int64_t in) {
  return torch::randn({out, in}) * 0.02;
}

// y = x W^T + b; weight (out, in).
class Linear : public torch::nn::Module {
 public:
  Linear(int64_t in, int64_t out, bool with_bias = false) {
    weight = register_parameter("weight", new_weight(out, in));
    if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
  }
  torch::Tensor forward(const torch::Tensor& x) const { return torch::linear(x, weight, bias); }

  torch::Tensor weight, bias;
};

// A module that only gives its children's names a common prefix.
class Group : public torch::nn::Module {};

}  // namespace coppice::lab
