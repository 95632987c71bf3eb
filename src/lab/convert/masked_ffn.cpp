#include "lab/convert/masked_ffn.h"

#include "lab/convert/activation_statistics.h"
#include "lab/convert/gumbel.h"

namespace coppice::lab {

// The mask network is trained on its own; it is deliberately no submodule of the model.
MaskedFfn::MaskedFfn(FfnWeights ffn, Activation activation, std::shared_ptr<MaskLayer> network)
    : ffn_(std::move(ffn)), activation_(activation), network_(std::move(network)) {}

torch::Tensor MaskedFfn::forward(const torch::Tensor& x, const torch::Tensor& /*words*/) {
  const torch::Tensor rows = x.reshape({-1, x.size(-1)});
  torch::Tensor h = hidden_neurons(ffn_, rows, activation_);
  if (masking != Masking::off) {
    last_logits = network_->router_logits(rows);
    torch::Tensor mask;
    if (masking == Masking::sampled) {
      const torch::Tensor choice =
          straight_through_softmax(last_logits, gumbel_noise(last_logits), mask_temperature);
      last_choice = choice.detach();
      const torch::Tensor logits = network_->mask_logits(choice.matmul(embedding));
      mask = straight_through_sigmoid(logits, gumbel_noise(logits), mask_temperature);
    } else {
      mask = fixed_masks.index_select(0, last_logits.argmax(1));
    }
    h = h * mask;
  }
  return torch::linear(h, ffn_.down, ffn_.down_bias).view(x.sizes());
}

}  // namespace coppice::lab
