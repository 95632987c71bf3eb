#include "lab/convert/mask_losses.h"

namespace coppice::lab {
namespace {

constexpr double ratio_constant = 1e-3;

torch::Tensor union_share(const torch::Tensor& masks) {
  return (1 - (1 - masks).prod(0)).mean();
}

}  // namespace

torch::Tensor distillation_loss(const torch::Tensor& teacher_logits, const torch::Tensor& student_logits) {
  const torch::Tensor p = torch::log_softmax(teacher_logits, -1), q = torch::log_softmax(student_logits, -1);
  return (p.exp() * (p - q)).sum(-1).mean();
}

torch::Tensor ratio_loss(const torch::Tensor& ratio, double target) {
  const torch::Tensor goal = torch::full_like(ratio, target);
  return ((torch::maximum(ratio, goal) + ratio_constant) / (torch::minimum(ratio, goal) + ratio_constant))
      .log();
}

torch::Tensor active_ratio(const std::vector<torch::Tensor>& masks) {
  std::vector<torch::Tensor> widths;
  int64_t neurons = 0;
  for (const auto& layer : masks) {
    widths.push_back(layer.sum(1).max());
    neurons += layer.size(1);
  }
  return torch::stack(widths).sum() / static_cast<double>(neurons);
}

torch::Tensor union_loss(const std::vector<torch::Tensor>& masks) {
  std::vector<torch::Tensor> terms;
  for (const auto& layer : masks)
    terms.push_back(((1 + ratio_constant) / (union_share(layer) + ratio_constant)).log());
  return torch::stack(terms).mean();
}

torch::Tensor balance_loss(const torch::Tensor& logits, const torch::Tensor& choices) {
  return (choices.detach().mean(0) * torch::softmax(logits, -1).mean(0)).sum();
}

}  // namespace coppice::lab
