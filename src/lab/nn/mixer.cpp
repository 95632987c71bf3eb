#include "lab/nn/mixer.h"

#include "lab/nn/attention.h"
#include "lab/nn/latent_attention.h"
#include "lab/nn/short_conv.h"

namespace coppice::lab {
namespace {

struct MixerMaker {
  int64_t width;
  double norm_epsilon;
  NamedMixer operator()(const AttentionSpec& spec) const {
    return {"self_attn", std::make_shared<Attention>(spec, width, norm_epsilon)};
  }
  NamedMixer operator()(const LatentAttentionSpec& spec) const {
    return {"self_attn", std::make_shared<LatentAttention>(spec, width)};
  }
  NamedMixer operator()(const ShortConvSpec& spec) const {
    return {"conv", std::make_shared<ShortConv>(spec, width)};
  }
};

}  // namespace

NamedMixer make_mixer(const MixerSpec& spec, int64_t width, double norm_epsilon) {
  return std::visit(MixerMaker{width, norm_epsilon}, spec);
}

}  // namespace coppice::lab
