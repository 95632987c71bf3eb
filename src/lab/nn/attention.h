#pragma once
// Softmax attention, causal or both ways, with rotary positions and grouped key-value heads (Vaswani et al.
// 2017; Su et al. 2021; Ainslie et al. 2023), normed queries and keys, output gates and windows as
// AttentionSpec says.

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

// How scores become shares.
struct Scoring {
  torch::Tensor hidden;              // as hidden_positions gives it
  std::optional<double> scale = {};  // of the scores; nothing: 1 / sqrt(head_dim)
  torch::Tensor bias = {};           // added to them, [heads, query, key], or undefined
};

// The core of all softmax attention: q [batch, queries, heads, head_dim], k and v [batch, keys, kv_heads, head_dim] ->
// [batch, queries, heads, head_dim].
torch::Tensor mix_heads(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const Scoring& scoring);

// The learned biases by distance of `length` positions, [heads, query, key], from a table [buckets, heads].
torch::Tensor relative_biases(const torch::Tensor& table, const RelativeBiasSpec& spec, bool causal,
                              int64_t length);

// q [batch, length, heads, head_dim], k and v [batch, length, kv_heads, head_dim] -> [batch, length, heads,
// head_dim]. Rows behind a sequence's end have no meaning, but are finite.
torch::Tensor attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                        const Sight& sight);

// The same with a position that sees no later ones. With a window above 0, position t sees t - window + 1 to
// t.
torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               int64_t window = 0);

// `table`, grown to `length` positions and of that type.
void extend(RotaryTable& table, const RopeSpec& rope, int64_t head_dim, int64_t length,
            torch::ScalarType type);

// A bias per bucket of distances and head.
class BiasTable : public torch::nn::Module {
 public:
  BiasTable(int64_t buckets, int64_t heads) {
    weight = register_parameter("weight", new_weight(buckets, heads));
  }
  torch::Tensor weight;
};

class Attention : public Mixer {
 public:
  // `norm_epsilon` is that of the norms of queries and keys.
  Attention(const AttentionSpec& spec, int64_t width, double norm_epsilon);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& lengths = {}) override;

  // Whose table of relative biases it uses: its own, registered as "relative_bias", or that of another.
  void own_relative_bias();
  void share_relative_bias(const Attention& other) { bias_table_ = other.bias_table_; }

 private:
  AttentionSpec spec_;
  std::shared_ptr<Linear> q_, k_, v_, o_, gate_;
  std::shared_ptr<Norm> q_norm_, k_norm_;
  std::shared_ptr<BiasTable> bias_table_;
  RotaryTable rotary_;
};

}  // namespace coppice::lab
