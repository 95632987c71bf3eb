#pragma once
// A mixture of experts: y = shared(x) + sum over the selected experts of weight * expert(x) (Shazeer et al.
// 2017), shared(x) times its sigmoid gate if it has one.

#include "lab/nn/dense_ffn.h"
#include "lab/route/router.h"

namespace coppice::lab {

class MoeFfn : public FeedForward {
 public:
  MoeFfn(const MoeSpec& spec, int64_t width);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& words = {}) override;
  const Routing* routing() const override { return &routing_; }

  const MoeSpec& spec() const { return spec_; }
  Router& router() { return *router_; }

 private:
  torch::Tensor separate(const torch::Tensor& x) const;
  torch::Tensor indexed(const torch::Tensor& x);

  MoeSpec spec_;
  std::shared_ptr<Router> router_;
  std::vector<Bank> experts_;           // separate
  std::optional<Bank> bank_;            // indexed
  std::vector<torch::Tensor> neurons_;  // indexed: int32 lists into the bank
  std::shared_ptr<DenseFfn> shared_;
  std::shared_ptr<Linear> shared_gate_;
  Routing routing_;
};

// `ffn` as a mixture of experts, or nullptr if it is none.
inline MoeFfn* as_moe(FeedForward& ffn) {
  return dynamic_cast<MoeFfn*>(&ffn);
}

}  // namespace coppice::lab
