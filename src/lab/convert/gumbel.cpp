#include "lab/convert/gumbel.h"

namespace coppice::lab {
namespace {

// `hard` in value, `soft` in gradient.
torch::Tensor straight_through(const torch::Tensor& hard, const torch::Tensor& soft) {
  if (!soft.requires_grad()) return hard;
  // In this order: (hard - soft) + soft would round, soft - soft is exactly zero.
  return hard + (soft - soft.detach());
}

}  // namespace

torch::Tensor gumbel_noise(const torch::Tensor& like) {
  return -torch::empty_like(like.detach()).exponential_().log_();
}

torch::Tensor straight_through_softmax(const torch::Tensor& logits, const torch::Tensor& noise,
                                       double temperature) {
  const torch::Tensor soft = torch::softmax((logits + noise) / temperature, -1);
  const torch::Tensor hard = torch::zeros_like(soft).scatter_(-1, soft.detach().argmax(-1, true), 1.0);
  return straight_through(hard, soft);
}

torch::Tensor straight_through_sigmoid(const torch::Tensor& logits, const torch::Tensor& noise,
                                       double temperature) {
  const torch::Tensor sum = logits + noise;
  return straight_through(sum.detach().gt(0).to(sum.dtype()), torch::sigmoid(sum / temperature));
}

}  // namespace coppice::lab
