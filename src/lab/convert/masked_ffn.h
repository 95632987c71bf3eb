#pragma once
// A frozen dense FFN whose neurons are masked by the expert that a token is routed to.

#include <memory>

#include <torch/torch.h>

#include "lab/convert/mask_network.h"
#include "lab/convert/neuron_sets.h"
#include "lab/nn/language_model.h"

namespace coppice::lab {

enum class Masking {
  off,      // the dense FFN: the teacher
  sampled,  // routing and masks with Gumbel noise and straight-through gradients: training
  fixed,    // routing by argmax, masks as set: what is exported
};

class MaskedFfn : public FeedForward {
 public:
  MaskedFfn(FfnWeights ffn, Activation activation, std::shared_ptr<MaskLayer> network);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& words = {}) override;

  Masking masking = Masking::off;
  torch::Tensor embedding;    // [experts, 128], for `sampled`
  torch::Tensor fixed_masks;  // [experts, neurons] of 0 and 1, for `fixed`
  torch::Tensor last_logits;  // router logits of the last forward that masked, [rows, experts]
  torch::Tensor last_choice;  // its one-hot choices, detached, [rows, experts]

  const FfnWeights& weights() const { return ffn_; }

 private:
  FfnWeights ffn_;
  Activation activation_;
  std::shared_ptr<MaskLayer> network_;
};

}  // namespace coppice::lab
