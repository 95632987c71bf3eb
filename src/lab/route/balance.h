#pragma once
// Keeping experts evenly used: auxiliary losses and a rule without a loss.

#include <vector>

#include "lab/route/routing.h"

namespace coppice::lab {

// E * sum over experts of f_e * P_e, where f_e is the share of (token, choice) pairs that went to e and P_e
// the mean probability of e (Switch Transformer, Fedus et al. 2021, eq. 4; f is over all choices when top_k >
// 1). Scores that are no distribution are divided by their sum per token. 1 when even; the gradient flows
// through P only.
torch::Tensor load_balancing_loss(const Routing& routing);

// Mean over tokens of (log sum exp logits)^2, which keeps logits small (ST-MoE, Zoph et al. 2022, eq. 5).
torch::Tensor router_z_loss(const Routing& routing);

// bias_e -= rate * sign(load_e - mean load), in place (auxiliary-loss-free balancing, Wang et al. 2024).
void update_selection_bias(torch::Tensor bias, const std::vector<int64_t>& load, double rate);

}  // namespace coppice::lab
