#pragma once

#include <torch/torch.h>

#include "model/spec.h"

namespace coppice::lab {

// x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich 2019), over the last dimension.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon);

// The norm of a ModelSpec: RMSNorm, or LayerNorm with bias or without.
class Norm : public torch::nn::Module {
 public:
  Norm(NormKind kind, int64_t width, double epsilon, bool with_bias = true) : kind_(kind), epsilon_(epsilon) {
    weight = register_parameter("weight", torch::ones({width}));
    if (kind == NormKind::layer && with_bias) bias = register_parameter("bias", torch::zeros({width}));
  }
  torch::Tensor forward(const torch::Tensor& x) const;

  torch::Tensor weight, bias;  // RMSNorm has no bias

 private:
  NormKind kind_;
  double epsilon_;
};

}  // namespace coppice::lab
