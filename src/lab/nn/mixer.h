#pragma once

#include <memory>
#include <string>

#include <torch/torch.h>

#include "model/spec.h"

namespace coppice::lab {

// A sequence mixer of any kind, causal: [batch, length, width] -> the same.
class Mixer : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
};

// The mixer of a spec with freshly initialised parameters, and the name under which a block has it.
struct NamedMixer {
  std::string name;
  std::shared_ptr<Mixer> mixer;
};
// `width` of the residual stream; `norm_epsilon` is that of the norms of queries and keys.
NamedMixer make_mixer(const MixerSpec& spec, int64_t width, double norm_epsilon);

}  // namespace coppice::lab
