#pragma once
// Mixture of experts (Shazeer et al. 2017): tokens are grouped by expert, so that each expert's weights are
// read once per layer and batch, and those of an expert that nobody asked for not at all. A token's outputs
// are added in a fixed order, the shared expert first and then its experts by ascending index, so that they
// do not depend on the batch.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/expert_store.h"
#include "model/router.h"

namespace coppice {

class Moe {
 public:
  // Experts of separate storage are put into `store`, which outlives this.
  Moe(const MoeSpec& spec, WeightStore& weights, ExpertStore& store, const std::string& prefix);

  // Adds to `load.tokens` how many tokens each expert got. `meanwhile` is called once, when the store has what it needs
  // and the products begin; not if it cannot hold them all at once.
  void forward(const Pass& pass, const float* x, float* y, ExpertLoad& load,
               const std::function<void()>& meanwhile = {});
  // Tells the store which experts tokens would go to whose inputs are x.
  void expect(const Pass& pass, const float* x);

  int64_t experts() const { return spec_.experts(); }
  void set_top_k(int64_t top_k) { spec_.top_k = top_k; }
  // Bytes that one token reads, given how often each expert was chosen so far.
  int64_t bytes_per_token(const ExpertLoad& load) const;

 private:
  // The experts that tokens go to, ascending, and the rows of their tokens with the weights of their outputs.
  struct Routed {
    std::vector<int64_t> experts;
    std::vector<size_t> begin;  // of each expert's rows, and the end
    std::vector<int32_t> rows;
    std::vector<float> weights;

    std::span<const int32_t> rows_of(size_t i) const { return std::span(rows).subspan(begin[i], count(i)); }
    std::span<const float> weights_of(size_t i) const {
      return std::span(weights).subspan(begin[i], count(i));
    }
    size_t count(size_t i) const { return begin[i + 1] - begin[i]; }
  };
  Routed route(const Pass& pass, const float* x);
  void take_matrices(int64_t expert);
  ExpertStore::Hold hold(std::span<const int64_t> experts, bool all_packed = false);
  std::vector<float> shared_weights(const Pass& pass, const float* x) const;

  MoeSpec spec_;
  ExpertStore* store_ = nullptr;               // of separate storage
  int64_t first_ = 0;                          // number of the first expert there
  std::vector<FfnBank> banks_;                 // one per expert, or one that all share
  std::vector<std::vector<int32_t>> neurons_;  // of each expert; indexed storage only
  std::optional<Router> router_;
  std::unique_ptr<FfnBank> shared_;
  Matrix shared_gate_;  // one row, or none
};

}  // namespace coppice
