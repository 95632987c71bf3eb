#include "lab/route/stages.h"

namespace coppice::lab {

torch::Tensor router_scores(RouterScore score, const torch::Tensor& logits) {
  switch (score) {
    case RouterScore::softmax:
      return torch::softmax(logits, -1);
    case RouterScore::sigmoid:
      return torch::sigmoid(logits);
    case RouterScore::none:
      break;
  }
  return logits;
}

torch::Tensor select_experts(const torch::Tensor& scores, const torch::Tensor& bias, int64_t top_k) {
  const torch::Tensor ranked = (bias.defined() ? scores + bias : scores).detach();
  const auto [values, order] = torch::sort(ranked, /*stable=*/true, /*dim=*/-1, /*descending=*/true);
  return order.narrow(-1, 0, top_k).contiguous();
}

torch::Tensor expert_weights(ExpertWeight weight, const torch::Tensor& scores, const torch::Tensor& experts,
                             const torch::Tensor& scale_per_expert, double scale, double sum_epsilon) {
  const auto times_scale = [scale](const torch::Tensor& x) { return scale == 1 ? x : x * scale; };
  if (weight == ExpertWeight::one) return times_scale(torch::ones(experts.sizes(), scores.options()));
  const torch::Tensor selected = scores.gather(-1, experts);
  switch (weight) {
    case ExpertWeight::renormalised: {
      const torch::Tensor sum = selected.sum(-1, /*keepdim=*/true) + sum_epsilon;
      return times_scale(selected / torch::where(sum == 0, torch::ones_like(sum), sum));
    }
    case ExpertWeight::one_plus: {
      const torch::Tensor u = scale_per_expert.index_select(0, experts.flatten()).view(experts.sizes());
      return times_scale(1 + selected * u);
    }
    default:
      return times_scale(selected);
  }
}

}  // namespace coppice::lab
