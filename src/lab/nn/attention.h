#pragma once
// Softmax attention, causal or both ways, with rotary positions and grouped key-value heads (Vaswani et al.
// 2017; Su et al. 2021; Ainslie et al. 2023), normed queries and keys, output gates and windows as
// AttentionSpec says.

#include "lab/nn/linear.h"
#include "lab/nn/norm.h"
#include "model/spec.h"

namespace coppice::lab {

// Cosines and sines of positions 0..length-1, each [length, rotary_width/2].
struct RotaryTable {
  torch::Tensor cosine, sine;
};
RotaryTable rotary_table(const RopeSpec& rope, int64_t head_dim, int64_t length, torch::ScalarType type);

// Turns x [batch, length, heads, head_dim]: of the first `rotary_width` elements of a head, i pairs with
// i + rotary_width/2; the others stay.
torch::Tensor rotate(const torch::Tensor& x, const RotaryTable& table);

// What a position sees, as AttentionSpec says. `lengths`, int64 [batch] or undefined, are those of the
// sequences of a padded batch: nothing sees what lies behind them.
struct Sight {
  int64_t window = 0;  // 0: no window
  bool causal = true;
  torch::Tensor lengths = {};
};

// True for what a query (dimension -2) does not see (dimension -1): [length, length] or [batch, 1, length,
// length].
torch::Tensor hidden_positions(int64_t length, const Sight& sight);

// q [batch, length, heads, head_dim], k and v [batch, length, kv_heads, head_dim] -> [batch, length, heads,
// head_dim]. Rows behind a sequence's end have no meaning, but are finite.
torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const Sight& sight);

// The same with a position that sees no later ones. With a window above 0, position t sees t - window + 1 to
// t.
torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               int64_t window = 0);

// Registered as "self_attn".
class Attention : public torch::nn::Module {
 public:
  // `norm_epsilon` is that of the norms of queries and keys.
  Attention(const AttentionSpec& spec, int64_t width, double norm_epsilon);
  // [batch, length, width] -> the same. `lengths` as in Sight; attention that is not causal needs them if the
  // sequences of the batch differ in length.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& lengths = {});

 private:
  AttentionSpec spec_;
  std::shared_ptr<Linear> q_, k_, v_, o_, gate_;
  std::shared_ptr<Norm> q_norm_, k_norm_;
  RotaryTable rotary_;
};

}  // namespace coppice::lab
