#pragma once
// Causal softmax attention with rotary positions and grouped key-value heads (Vaswani et al. 2017; Su et al.
// 2021; Ainslie et al. 2023).

#include "lab/nn/linear.h"
#include "model/spec.h"

namespace coppice::lab {

// Cosines and sines of positions 0..length-1, each [length, head_dim/2].
struct RotaryTable {
  torch::Tensor cosine, sine;
};
RotaryTable rotary_table(const RopeSpec& rope, int64_t head_dim, int64_t length, torch::ScalarType type);

// Turns x [batch, length, heads, head_dim]; element i pairs with i + head_dim/2.
torch::Tensor rotate(const torch::Tensor& x, const RotaryTable& table);

// q [batch, length, heads, head_dim], k and v [batch, length, kv_heads, head_dim] -> [batch, length, heads,
// head_dim].
torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v);

// Registered as "self_attn".
class Attention : public torch::nn::Module {
 public:
  Attention(const AttentionSpec& spec, int64_t width);
  // [batch, length, width] -> the same.
  torch::Tensor forward(const torch::Tensor& x);

 private:
  AttentionSpec spec_;
  std::shared_ptr<Linear> q_, k_, v_, o_;
  RotaryTable rotary_;
};

}  // namespace coppice::lab
