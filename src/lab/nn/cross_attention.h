#pragma once
// Attention of a decoder's block to the encoder's output (Vaswani et al. 2017), without positions.

#include "lab/nn/language_model.h"
#include "lab/nn/linear.h"

namespace coppice::lab {

// Registered as "cross_attn".
class CrossAttention : public torch::nn::Module {
 public:
  CrossAttention(const AttentionSpec& spec, int64_t width);
  // x [batch, length, width] -> the same.
  torch::Tensor forward(const torch::Tensor& x, const Source& source);

 private:
  AttentionSpec spec_;
  std::shared_ptr<Linear> q_, k_, v_, o_;
};

}  // namespace coppice::lab
