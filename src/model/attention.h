#pragma once
// Softmax attention, causal or both ways, with grouped query heads (Vaswani et al. 2017; Ainslie et al.
// 2023), rotary positions, normed queries and keys, output gates and windows as AttentionSpec says, over each
// sequence's own cache.

#include <string>
#include <vector>

#include "model/linear.h"
#include "model/pass.h"
#include "model/relative_bias.h"
#include "model/rope_table.h"

namespace coppice {

class Attention {
 public:
  // `norm_epsilon` is that of the norms of queries and keys.
  Attention(const AttentionSpec& spec, double norm_epsilon, WeightStore& weights, const std::string& prefix,
            RopeTables& ropes);

  // The biases that AttentionSpec asks for: of the block itself, or shared by its stack.
  void set_relative_bias(std::shared_ptr<RelativeBias> bias) { relative_bias_ = std::move(bias); }

  // y = attention(x) of the wanted rows; attention that sees both ways needs whole sequences, slices without a past.
  // New keys and values go into each slice's cache, whose length stays for the caller to advance. x and y have
  // `pass.width` floats per row.
  void forward(const Pass& pass, const float* x, float* y);
  int64_t bytes() const {
    return query_.bytes() + key_.bytes() + value_.bytes() + output_.bytes() + gate_.bytes();
  }

 private:
  void project(const Pass& pass, const float* x);
  void norm_heads(const kernels::Kernels& kernels, std::vector<float>& rows, const std::vector<float>& weight,
                  int64_t width) const;
  void store_new(const Pass& pass, const Slice& slice, int64_t t, int64_t head);
  void gate_mixed(const Pass& pass);

  AttentionSpec spec_;
  float norm_epsilon_;
  Matrix query_, key_, value_, output_, gate_;
  std::vector<float> query_norm_, key_norm_;
  std::vector<float> query_bias_, key_bias_, value_bias_, output_bias_;
  std::shared_ptr<RopeTable> rope_;
  std::shared_ptr<RelativeBias> relative_bias_;
  std::vector<float> queries_, keys_, values_, gates_, mixed_, wanted_;
};

}  // namespace coppice
