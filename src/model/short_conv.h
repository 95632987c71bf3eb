#pragma once
// The gated short convolution of LFM2 (Liquid AI 2025), as ShortConvSpec defines it.

#include <string>
#include <vector>

#include "model/linear.h"
#include "model/pass.h"

namespace coppice {

class ShortConv {
 public:
  ShortConv(const ShortConvSpec& spec, WeightStore& weights, const std::string& prefix);

  // y[row] = out_proj(c * convolution(b * u))[row]; the inputs that the next tokens need go into each slice's
  // cache. x and y have `pass.width` floats per row.
  void forward(const Pass& pass, const float* x, float* y);
  int64_t bytes() const {
    return input_.bytes() + output_.bytes() + static_cast<int64_t>(taps_.size() * sizeof(float));
  }

 private:
  void convolve(const Pass& pass, const Slice& slice, int64_t t);

  int64_t kernel_size_;
  Matrix input_, output_;
  std::vector<float> input_bias_, conv_bias_, output_bias_;
  std::vector<float> taps_;  // (kernel_size, width), oldest position first
  std::vector<float> parts_, gated_, mixed_;
};

}  // namespace coppice
