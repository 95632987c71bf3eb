#pragma once
// Proofs by measurement: that two models, or two tensors, which must be the same by construction are.

#include <string>

#include <torch/torch.h>

#include "lab/convert/convert.h"
#include "lab/nn/language_model.h"

namespace coppice::lab {

// Largest absolute difference; NaN if any element is NaN.
double largest_difference(const torch::Tensor& a, const torch::Tensor& b);

// That two models give the same logits on `windows` ([count, length] int64; a few are enough and at most 1024 tokens
// are used). `tolerance` is for logits of order one in float32; it grows with the largest logit beyond that.
ParityClaim same_logits(const std::string& what, LanguageModel& expected, LanguageModel& actual,
                        const torch::Tensor& windows, double tolerance = 1e-5);

// Number of bytes that differ in tensors of both dictionaries that have the same name and shape.
int64_t differing_bytes(const StateDict& a, const StateDict& b);

// Throws an Error naming every claim that does not hold.
void require_parity(const std::vector<ParityClaim>& claims, const std::string& where);

}  // namespace coppice::lab
