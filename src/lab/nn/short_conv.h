#pragma once
// The gated short convolution of LFM2 (Liquid AI 2025), as ShortConvSpec defines it.

#include "lab/nn/linear.h"
#include "lab/nn/mixer.h"

namespace coppice::lab {

// Registered as "conv".
class ShortConv : public Mixer {
 public:
  ShortConv(const ShortConvSpec& spec, int64_t width);
  torch::Tensor forward(const torch::Tensor& x) override;

 private:
  int64_t width_, kernel_size_;
  std::shared_ptr<Linear> input_, output_;
  torch::Tensor weight_, bias_;  // of the convolution: [width, 1, kernel_size], [width] or undefined
};

}  // namespace coppice::lab
