#include "lab/nn/rms_norm.h"

namespace coppice::lab {

torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double epsilon) {
  return x * torch::rsqrt((x * x).mean(-1, /*keepdim=*/true) + epsilon) * weight;
}

}  // namespace coppice::lab
