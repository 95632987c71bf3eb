#pragma once
// Causal softmax attention with rotary positions and grouped key-value heads (Vaswani et al. 2017; Su et al.
// 2021; Ainslie et al. 2023), normed queries and keys, output gates and windows as AttentionSpec says.

#include "lab/nn/linear.h"
#include "lab/nn/mixer.h"
#include "lab/nn/norm.h"
#include "model/spec.h"

namespace coppice::lab {

// Cosines and sines of positions 0..length-1, each [length, rotary_width/2], times the amplitude of the
// stretching.
struct RotaryTable {
  torch::Tensor cosine, sine;
  bool interleaved = false;
};
RotaryTable rotary_table(const RopeSpec& rope, int64_t head_dim, int64_t length, torch::ScalarType type);

// Turns x [batch, length, heads, head_dim]: of the first `rotary_width` elements of a head, i pairs with
// i + rotary_width/2; the others stay. Interleaved pairs, 2i with 2i + 1, come out half-split.
torch::Tensor rotate(const torch::Tensor& x, const RotaryTable& table);

// q [batch, length, heads, head_dim], k and v [batch, length, kv_heads, head_dim] -> [batch, length, heads,
// head_dim]. With a window above 0, position t sees t - window + 1 to t.
torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               int64_t window = 0);

// `table`, grown to `length` positions and of that type.
void extend(RotaryTable& table, const RopeSpec& rope, int64_t head_dim, int64_t length,
            torch::ScalarType type);

class Attention : public Mixer {
 public:
  // `norm_epsilon` is that of the norms of queries and keys.
  Attention(const AttentionSpec& spec, int64_t width, double norm_epsilon);
  // [batch, length, width] -> the same.
  torch::Tensor forward(const torch::Tensor& x) override;

 private:
  AttentionSpec spec_;
  std::shared_ptr<Linear> q_, k_, v_, o_, gate_;
  std::shared_ptr<Norm> q_norm_, k_norm_;
  RotaryTable rotary_;
};

}  // namespace coppice::lab
