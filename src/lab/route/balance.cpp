#include "lab/route/balance.h"

#include <numeric>

namespace coppice::lab {

torch::Tensor load_balancing_loss(const Routing& routing) {
  const int64_t experts = routing.scores.size(1), pairs = routing.experts.numel();
  const torch::Tensor share =
      torch::bincount(routing.experts.flatten(), {}, experts).to(routing.scores.scalar_type()) /
      static_cast<double>(pairs);
  const torch::Tensor positive = routing.scores.clamp_min(0);
  const torch::Tensor probability = positive / positive.sum(1, /*keepdim=*/true).clamp_min(1e-20);
  return (share * probability.mean(0)).sum() * static_cast<double>(experts);
}

torch::Tensor router_z_loss(const Routing& routing) {
  return torch::logsumexp(routing.logits, 1).square().mean();
}

void update_selection_bias(torch::Tensor bias, const std::vector<int64_t>& load, double rate) {
  const torch::NoGradGuard no_gradient;
  const double mean = static_cast<double>(std::accumulate(load.begin(), load.end(), int64_t{0})) /
                      static_cast<double>(load.size());
  for (size_t e = 0; e < load.size(); ++e) {
    const double excess = static_cast<double>(load[e]) - mean;
    if (excess != 0) bias[static_cast<int64_t>(e)].sub_(excess > 0 ? rate : -rate);
  }
}

}  // namespace coppice::lab
