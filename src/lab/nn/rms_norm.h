#pragma once

#include <torch/torch.h>

namespace coppice::lab {

// x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich 2019), over the last dimension.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

class RmsNorm : public torch::nn::Module {
 public:
  RmsNorm(int64_t width, double epsilon) : epsilon_(epsilon) {
    weight = register_parameter("weight", torch::ones({width}));
  }
  torch::Tensor forward(const torch::Tensor& x) const { return rms_norm(x, weight, epsilon_); }

  torch::Tensor weight;

 private:
  double epsilon_;
};

}  // namespace coppice::lab
