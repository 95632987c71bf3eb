#include "model/norm.h"

namespace coppice {

Norm::Norm(const ModelSpec& spec, const WeightStore& weights, const std::string& name)
    : weight_(weights.vector(name + ".weight")), epsilon_(static_cast<float>(spec.norm_epsilon)) {
  if (spec.norm != NormKind::layer) return;
  bias_ = spec.norm_bias ? weights.vector(name + ".bias") : std::vector<float>(weight_.size());
}

void Norm::forward(const Pass& pass, const float* x, float* y) const {
  for_each_row(pass, [&](int64_t row) {
    const float* from = x + row * pass.width;
    float* to = y + row * pass.width;
    if (bias_.empty())
      pass.kernels.rms_norm(from, weight_.data(), pass.width, epsilon_, to);
    else
      pass.kernels.layer_norm(from, weight_.data(), bias_.data(), pass.width, epsilon_, to);
  });
}

}  // namespace coppice
