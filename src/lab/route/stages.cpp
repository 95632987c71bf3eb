#include "lab/route/stages.h"

#include <limits>

#include "lab/nn/norm.h"

namespace coppice::lab {

torch::Tensor expected_sparsity(const torch::Tensor& x, const std::vector<torch::Tensor>& up_projections) {
  std::vector<torch::Tensor> means, variances;
  for (const auto& up : up_projections) {
    means.push_back(up.mean(0));
    variances.push_back(up.var(0, /*unbiased=*/false));
  }
  const torch::Tensor mean = torch::linear(x, torch::stack(means));
  const torch::Tensor variance = torch::linear(x * x, torch::stack(variances)) + sparsity_least_variance;
  return -0.5 * torch::erfc(-mean / torch::sqrt(2 * variance));
}

torch::Tensor router_scores(const RouterSpec& router, const torch::Tensor& logits,
                            const torch::Tensor& norm) {
  switch (router.score) {
    case RouterScore::relu_norm:
      return rms_norm(torch::relu(logits), norm, router.norm_epsilon);
    case RouterScore::softmax:
      return torch::softmax(logits, -1);
    case RouterScore::sigmoid:
      return torch::sigmoid(logits);
    case RouterScore::none:
      break;
  }
  return logits;
}

namespace {

// Indices along the last dimension, highest value first; of equal ones the lower index.
torch::Tensor best_first(const torch::Tensor& values) {
  return std::get<1>(torch::sort(values, /*stable=*/true, /*dim=*/-1, /*descending=*/true));
}

// Which experts may be selected, bool [rows, experts], by their ranks [rows, groups, experts of a group].
torch::Tensor allowed_by_groups(const torch::Tensor& ranked, int64_t top_k, const RouterSpec& router) {
  torch::Tensor chosen;
  const torch::Tensor none = torch::zeros_like(ranked, torch::kBool);
  if (router.group_rule == GroupRule::each) {
    chosen = none.scatter(2, best_first(ranked).narrow(2, 0, top_k / router.groups), true);
  } else {
    const int64_t counted = router.group_rule == GroupRule::best_two ? 2 : 1;
    const torch::Tensor worth = std::get<0>(ranked.topk(counted, 2)).sum(2);
    const torch::Tensor kept = best_first(worth).narrow(1, 0, router.kept_groups);
    chosen = torch::zeros_like(worth, torch::kBool).scatter(1, kept, true).unsqueeze(2).expand_as(ranked);
  }
  return chosen.flatten(1);
}

}  // namespace

torch::Tensor select_experts(const torch::Tensor& scores, const torch::Tensor& bias, int64_t top_k,
                             const RouterSpec& router) {
  torch::Tensor ranked = (bias.defined() ? scores + bias : scores).detach();
  if (router.group_rule != GroupRule::none) {
    const torch::Tensor allowed =
        allowed_by_groups(ranked.view({ranked.size(0), router.groups, -1}), top_k, router);
    ranked = ranked.masked_fill(allowed.logical_not(), -std::numeric_limits<double>::infinity());
  }
  return best_first(ranked).narrow(-1, 0, top_k).contiguous();
}

namespace {

// ExpertWeight::survivors: a softmax for each selected expert in turn, without those taken before.
torch::Tensor survivor_weights(const torch::Tensor& scores, const torch::Tensor& experts, double jitter) {
  torch::Tensor taken = torch::zeros_like(scores, torch::kBool);
  std::vector<torch::Tensor> weights;
  for (int64_t i = 0; i < experts.size(-1); ++i) {
    const torch::Tensor own = experts.narrow(-1, i, 1), best = scores.gather(-1, own);
    const torch::Tensor far = (best - scores) > 2 * jitter * torch::maximum(scores.abs(), best);
    const torch::Tensor left =
        scores.masked_fill(far.logical_or(taken), -std::numeric_limits<double>::infinity());
    weights.push_back(torch::softmax(left, -1).gather(-1, own));
    taken = taken.scatter(-1, own, true);
  }
  return torch::cat(weights, -1);
}

}  // namespace

torch::Tensor expert_weights(const RouterSpec& router, const torch::Tensor& scores,
                             const torch::Tensor& experts, const torch::Tensor& scale_per_expert) {
  const auto times_scale = [&router](const torch::Tensor& x) {
    return router.scale == 1 ? x : x * router.scale;
  };
  if (router.weight == ExpertWeight::survivors)
    return times_scale(survivor_weights(scores, experts, router.jitter));
  if (router.weight == ExpertWeight::one) return times_scale(torch::ones(experts.sizes(), scores.options()));
  const torch::Tensor selected = scores.gather(-1, experts);
  switch (router.weight) {
    case ExpertWeight::renormalised: {
      const torch::Tensor sum = selected.sum(-1, /*keepdim=*/true) + router.sum_epsilon;
      return times_scale(selected / torch::where(sum == 0, torch::ones_like(sum), sum));
    }
    case ExpertWeight::one_plus:
    case ExpertWeight::scaled: {
      const torch::Tensor u = scale_per_expert.index_select(0, experts.flatten()).view(experts.sizes());
      return times_scale(router.weight == ExpertWeight::scaled ? selected * u : 1 + selected * u);
    }
    default:
      return times_scale(selected);
  }
}

}  // namespace coppice::lab
