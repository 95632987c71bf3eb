#include "lab/nn/norm.h"

namespace coppice::lab {

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon) {
  return x * torch::rsqrt((x * x).mean(-1, /*keepdim=*/true) + epsilon) * weight;
}

torch::Tensor Norm::forward(const torch::Tensor& x) const {
  if (kind_ == NormKind::rms) return rms_norm(x, weight, epsilon_);
  return torch::layer_norm(x, {x.size(-1)}, weight, bias, epsilon_);
}

}  // namespace coppice::lab
