#pragma once
// Attention of an encoder-decoder's decoder to the encoder's output (Vaswani et al. 2017). Keys and values
// are computed once per encoded sequence; queries come from the decoder's tokens.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/linear.h"
#include "model/pass.h"

namespace coppice {

// What the decoder reads of one encoded sequence. It never changes, and sequences of a batch may share it.
class EncodedSource {
 public:
  // Tokens of the sequence.
  int64_t length() const { return length_; }
  // The encoder's output, `length` rows of the model's width.
  const std::vector<float>& states() const { return states_; }
  int64_t bytes() const;

 private:
  friend class CrossAttention;
  friend class Decoder;
  int64_t length_ = 0;
  std::vector<float> states_;
  std::vector<std::optional<KeyValueState>>
      layers_;  // by block of the decoder; nothing for one without cross-attention
};

class CrossAttention {
 public:
  CrossAttention(const AttentionSpec& spec, WeightStore& weights, const std::string& prefix);

  // Keys and values of the sources for block `layer`, from their states.
  void prepare(const kernels::Kernels& kernels, int64_t layer,
               const std::vector<std::shared_ptr<EncodedSource>>& sources) const;
  // y[row] = attention(x)[row] to each slice's source.
  void forward(const Pass& pass, const float* x, float* y);
  // Those that a token of the decoder reads.
  int64_t bytes() const { return query_.bytes() + output_.bytes(); }

 private:
  AttentionSpec spec_;
  Matrix query_, key_, value_, output_;
  std::vector<float> query_bias_, key_bias_, value_bias_, output_bias_;
  std::vector<float> queries_, mixed_;
};

}  // namespace coppice
