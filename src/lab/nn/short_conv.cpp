#include "lab/nn/short_conv.h"

namespace coppice::lab {

ShortConv::ShortConv(const ShortConvSpec& spec, int64_t width)
    : width_(width), kernel_size_(spec.kernel_size) {
  input_ = register_module("in_proj", std::make_shared<Linear>(width, 3 * width, spec.bias));
  const auto conv = register_module("conv", std::make_shared<Group>());
  // As a sum over the kernel of independent inputs, normal(0, 1 / sqrt(kernel_size)) keeps their size.
  weight_ = conv->register_parameter(
      "weight", torch::randn({width, 1, kernel_size_}) / std::sqrt(static_cast<double>(kernel_size_)));
  if (spec.bias) bias_ = conv->register_parameter("bias", torch::zeros({width}));
  output_ = register_module("out_proj", std::make_shared<Linear>(width, width, spec.bias));
}

torch::Tensor ShortConv::forward(const torch::Tensor& x) {
  const auto parts = input_->forward(x).split(width_, -1);
  const torch::Tensor gated = (parts[0] * parts[2]).transpose(1, 2);  // [batch, width, length]
  // Zeros stand where the sequence had not begun.
  const torch::Tensor padded = torch::constant_pad_nd(gated, {kernel_size_ - 1, 0});
  namespace functional = torch::nn::functional;
  const torch::Tensor mixed =
      functional::conv1d(padded, weight_, functional::Conv1dFuncOptions().bias(bias_).groups(width_));
  return output_->forward(parts[1] * mixed.transpose(1, 2));
}

}  // namespace coppice::lab
