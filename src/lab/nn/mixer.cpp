#include "lab/nn/mixer.h"

#include "lab/nn/attention.h"
#include "lab/nn/latent_attention.h"

namespace coppice::lab {
namespace {

struct MixerMaker {
  const ModelSpec& model;
  std::shared_ptr<Mixer> operator()(const AttentionSpec& spec) const {
    return std::make_shared<Attention>(spec, model.width, model.norm_epsilon);
  }
  std::shared_ptr<Mixer> operator()(const LatentAttentionSpec& spec) const {
    return std::make_shared<LatentAttention>(spec, model.width);
  }
};

}  // namespace

std::shared_ptr<Mixer> make_mixer(const MixerSpec& spec, const ModelSpec& model) {
  return std::visit(MixerMaker{model}, spec);
}

}  // namespace coppice::lab
