#pragma once
// Multi-head latent attention (DeepSeek-V2, 2024) as it is defined: the latent vectors are expanded to the
// keys and values of every head. The runtime absorbs the expansion instead.

#include "lab/nn/attention.h"

namespace coppice::lab {

class LatentAttention : public Mixer {
 public:
  LatentAttention(const LatentAttentionSpec& spec, int64_t width);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& lengths = {}) override;

 private:
  LatentAttentionSpec spec_;
  std::shared_ptr<Linear> compress_, query_, latent_, expand_, output_;
  std::shared_ptr<Norm> compress_norm_, latent_norm_;
  RotaryTable rotary_;
};

}  // namespace coppice::lab
