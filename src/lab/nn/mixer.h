#pragma once

#include <memory>

#include <torch/torch.h>

#include "model/spec.h"

namespace coppice::lab {

// A sequence mixer of any kind, registered as "self_attn": [batch, length, width] -> the same.
class Mixer : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
};

// The mixer of a spec with freshly initialised parameters.
std::shared_ptr<Mixer> make_mixer(const MixerSpec& spec, const ModelSpec& model);

}  // namespace coppice::lab
