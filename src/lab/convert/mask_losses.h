#pragma once
// The terms of ToMoE's objective (tomoe.cpp).

#include <vector>

#include <torch/torch.h>

namespace coppice::lab {

// KL(teacher || student), mean over tokens; logits [..., vocabulary].
torch::Tensor distillation_loss(const torch::Tensor& teacher_logits, const torch::Tensor& student_logits);

// log((max(r, p) + c) / (min(r, p) + c)) with c = 1e-3: zero at r = p and symmetric in the ratio.
torch::Tensor ratio_loss(const torch::Tensor& ratio, double target);

// Active share of the FFNs when each layer is as wide as its widest expert. masks: per layer [experts, neurons].
torch::Tensor active_ratio(const std::vector<torch::Tensor>& masks);

// Mean over layers of log((1 + c) / (u + c)), u the share of neurons that some expert keeps.
torch::Tensor union_loss(const std::vector<torch::Tensor>& masks);

// Switch's f * P: sum over experts of the share of tokens that chose it and its mean probability; 1/experts when even.
// logits, choices (one-hot): [rows, experts].
torch::Tensor balance_loss(const torch::Tensor& logits, const torch::Tensor& choices);

}  // namespace coppice::lab
