#pragma once
// The norms of a model, as ModelSpec says: RMSNorm, or LayerNorm with bias or without.

#include <string>
#include <vector>

#include "model/pass.h"
#include "model/weights.h"

namespace coppice {

class Norm {
 public:
  Norm() = default;
  // Weights `name`.weight and, of a LayerNorm with bias, `name`.bias.
  Norm(const ModelSpec& spec, const WeightStore& weights, const std::string& name);

  // False for the norm of which there is none.
  explicit operator bool() const { return !weight_.empty(); }

  // y[row] = norm(x[row]) for every row of the pass; y may be x.
  void forward(const Pass& pass, const float* x, float* y) const;

 private:
  std::vector<float> weight_, bias_;  // no bias: RMSNorm
  float epsilon_ = 0;
};

}  // namespace coppice
