#pragma once
// Mixture of experts (Shazeer et al. 2017): tokens are grouped by expert, so that each expert's weights are
// read once per layer and batch, and those of an expert that nobody asked for not at all. A token's outputs
// are added in a fixed order, the shared expert first and then its experts by ascending index, so that they
// do not depend on the batch.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/router.h"

namespace coppice {

class Moe {
 public:
  Moe(const MoeSpec& spec, WeightStore& weights, const std::string& prefix);

  // Adds to `load.tokens` how many tokens each expert got.
  void forward(const Pass& pass, const float* x, float* y, ExpertLoad& load);

  int64_t experts() const { return spec_.experts(); }
  void set_top_k(int64_t top_k) { spec_.top_k = top_k; }
  // Bytes that one token reads, given how often each expert was chosen so far.
  int64_t bytes_per_token(const ExpertLoad& load) const;

 private:
  FfnJob job_of(int64_t expert) const;
  std::vector<float> shared_weights(const Pass& pass, const float* x) const;

  MoeSpec spec_;
  std::vector<FfnBank> banks_;                 // one per expert, or one that all share
  std::vector<std::vector<int32_t>> neurons_;  // of each expert; indexed storage only
  std::optional<Router> router_;
  std::unique_ptr<FfnBank> shared_;
  Matrix shared_gate_;  // one row, or none
};

}  // namespace coppice
