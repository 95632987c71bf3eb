#pragma once
// Calibration windows carried through a model one block at a time, so that each layer's statistics cost one pass and a
// later layer can see what was made of the earlier ones.

#include <functional>
#include <vector>

#include <torch/torch.h>

#include "lab/nn/language_model.h"

namespace coppice::lab {

class LayerWalk {
 public:
  // windows: [count, length] int64. They are carried in chunks of at most `chunk_tokens` tokens (at least one window).
  LayerWalk(LanguageModel& model, const torch::Tensor& windows, int64_t chunk_tokens = 4096);

  int64_t layer() const { return layer_; }
  bool done() const { return layer_ == model_.layers(); }

  // Calls `see` with the input of this layer's FFN, chunk after chunk, each [tokens, width].
  void observe(const std::function<void(const torch::Tensor&)>& see);
  // The same as one tensor [all tokens, width].
  torch::Tensor ffn_input();
  // Passes the streams through this layer, whatever its FFN is now, and goes to the next.
  void advance();

 private:
  LanguageModel& model_;
  int64_t layer_ = 0;
  std::vector<torch::Tensor> streams_;  // residual streams, [windows, length, width] each
};

}  // namespace coppice::lab
