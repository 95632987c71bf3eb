#pragma once
// Discrete choices with gradients: straight-through Gumbel-softmax (Jang et al. 2017) and its two-way form. Values are
// hard, gradients those of the relaxed sample.

#include <torch/torch.h>

namespace coppice::lab {

// Standard Gumbel noise of this shape, from torch's generator.
torch::Tensor gumbel_noise(const torch::Tensor& like);

// One-hot rows: argmax of (logits + noise), gradient of softmax((logits + noise) / temperature). [rows, choices]
torch::Tensor straight_through_softmax(const torch::Tensor& logits, const torch::Tensor& noise,
                                       double temperature);

// 1 where logits + noise > 0, else 0; gradient of sigmoid((logits + noise) / temperature). Any shape.
torch::Tensor straight_through_sigmoid(const torch::Tensor& logits, const torch::Tensor& noise,
                                       double temperature);

}  // namespace coppice::lab
