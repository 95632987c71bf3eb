#pragma once
// Small models with weights of sensible size, on disk for the code under test and in memory for a scalar
// reference.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "format/safetensors.h"
#include "model/model_directory.h"
#include "support.h"

namespace coppice::test {

class NumericModel {
 public:
  // Normal weights scaled by 1 / sqrt(inputs), norms around 1, random neuron lists and words; rounded to `dtype` (f32,
  // bf16 or f16) so that the reference sees what the file holds.
  NumericModel(ModelSpec spec, uint64_t seed, DType dtype = DType::f32);

  const ModelSpec& spec() const { return spec_; }
  std::vector<float>& floats(const std::string& name) { return floats_.at(name); }
  std::vector<int32_t>& neurons(const std::string& name) { return neurons_.at(name); }

  // Writes the present weights and opens them.
  std::shared_ptr<const ModelDirectory> open() const;

  // Logits of every token, in double precision by the plainest loops, from the definitions in model/spec.h.
  std::vector<double> reference_logits(std::span<const int32_t> tokens) const;

 private:
  friend class Reference;
  ModelSpec spec_;
  DType dtype_;
  std::map<std::string, std::vector<float>> floats_;
  std::map<std::string, std::vector<int32_t>> neurons_;
  std::shared_ptr<TemporaryFolder> folder_ = std::make_shared<TemporaryFolder>();
};

// `count` token ids of a model.
std::vector<int32_t> random_tokens(const ModelSpec& spec, int64_t count, Rng& rng);

// The largest difference between `got` and `want`, relative to the largest magnitude of `want` (but at least
// 1).
double relative_difference(std::span<const float> got, std::span<const double> want);

}  // namespace coppice::test
