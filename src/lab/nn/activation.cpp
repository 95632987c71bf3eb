#include "lab/nn/activation.h"

namespace coppice::lab {

torch::Tensor activate(Activation activation, const torch::Tensor& x) {
  switch (activation) {
    case Activation::silu:
      return torch::silu(x);
    case Activation::gelu:
      return torch::gelu(x);
    case Activation::gelu_tanh:
      return torch::gelu(x, "tanh");
    case Activation::relu:
      return torch::relu(x);
    case Activation::tanh:
      return torch::tanh(x);
  }
  COPPICE_CHECK(false, "an activation without a formula");
}

}  // namespace coppice::lab
