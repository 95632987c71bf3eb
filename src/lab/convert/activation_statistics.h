#pragma once
// What the hidden neurons of one FFN do on calibration tokens.

#include <torch/torch.h>

#include "lab/convert/neuron_sets.h"
#include "model/spec.h"

namespace coppice::lab {

// h = act(gate x) * up x, or act(up x) without a gate. x: [tokens, width] -> [tokens, neurons].
torch::Tensor hidden_neurons(const FfnWeights& ffn, const torch::Tensor& x, Activation activation);

// The same with x and every weight row scaled to length 1 (CMoE's scores); biases are ignored.
torch::Tensor hidden_neurons_by_cosine(const FfnWeights& ffn, const torch::Tensor& x, Activation activation);

// 1 where |h| is among the token's top `count`, else 0; exactly `count` ones a row, of equal values the lower index.
// h: [tokens, neurons] -> uint8 of the same shape.
torch::Tensor top_markers(const torch::Tensor& h, int64_t count);

// Sums over tokens, fed chunk by chunk.
class ActivationStatistics {
 public:
  void add(const torch::Tensor& h);  // [tokens, neurons]
  torch::Tensor mean() const;        // [neurons] float64
  torch::Tensor mean_absolute() const;
  torch::Tensor root_mean_square() const;
  int64_t tokens() const { return tokens_; }

 private:
  int64_t tokens_ = 0;
  torch::Tensor sum_, absolute_, square_;
};

}  // namespace coppice::lab
