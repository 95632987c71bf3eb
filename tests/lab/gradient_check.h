#pragma once
// Compares autograd's gradients with central finite differences, in double precision.

#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace coppice::test {

// `function` maps `inputs` (double leaves) to a tensor; a fixed random projection of it is what is
// differentiated, so that every output element counts. Every element of every input is checked.
inline void expect_gradients_match(const std::function<torch::Tensor()>& function,
                                   const std::vector<torch::Tensor>& inputs, double step = 1e-6,
                                   double tolerance = 1e-6) {
  const torch::Tensor first = function();
  const torch::Tensor projection =
      torch::sin(torch::arange(first.numel(), torch::kDouble) * 1.7 + 0.3).view(first.sizes());
  const auto value = [&] { return (function() * projection).sum(); };

  for (const auto& input : inputs) {
    ASSERT_EQ(input.scalar_type(), torch::kDouble);
    const_cast<torch::Tensor&>(input).mutable_grad() = torch::Tensor();
  }
  value().backward();

  const torch::NoGradGuard no_gradient;
  for (size_t which = 0; which < inputs.size(); ++which) {
    const torch::Tensor analytic = inputs[which].grad().defined()
                                       ? inputs[which].grad().contiguous().view(-1)
                                       : torch::zeros({inputs[which].numel()}, torch::kDouble);
    torch::Tensor flat = inputs[which].view(-1);
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const double original = flat[i].item<double>();
      flat[i] = original + step;
      const double above = value().item<double>();
      flat[i] = original - step;
      const double below = value().item<double>();
      flat[i] = original;
      const double numeric = (above - below) / (2 * step);
      EXPECT_NEAR(analytic[i].item<double>(), numeric, tolerance * std::max(1.0, std::abs(numeric)))
          << "input " << which << ", element " << i;
    }
  }
}

// A leaf of normal numbers, the same for a seed.
inline torch::Tensor random_leaf(torch::IntArrayRef shape, uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn(shape, torch::kDouble).set_requires_grad(true);
}

}  // namespace coppice::test
