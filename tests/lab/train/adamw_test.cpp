#include "lab/train/adamw.h"

#include <cmath>

#include <gtest/gtest.h>

#include "lab/train/schedule.h"

namespace coppice::test {
namespace {

using lab::TrainingOptions;

torch::OrderedDict<std::string, torch::Tensor> parameters() {
  torch::manual_seed(1);
  torch::OrderedDict<std::string, torch::Tensor> result;
  result.insert("matrix", torch::randn({3, 4}, torch::kDouble).set_requires_grad(true));
  result.insert("vector", torch::randn({5}, torch::kDouble).set_requires_grad(true));
  return result;
}

TEST(AdamW, FollowsThePublishedUpdate) {
  const TrainingOptions options{.weight_decay = 0.3, .beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-4};
  const auto parameter = parameters();
  lab::AdamW optimizer(parameter, options);
  const double rate = 0.05, scale = 0.5;
  torch::Tensor theta = parameter["matrix"].detach().clone(), bias = parameter["vector"].detach().clone();
  torch::Tensor m = torch::zeros_like(theta), v = torch::zeros_like(theta), bm = torch::zeros_like(bias),
                bv = torch::zeros_like(bias);
  for (int t = 1; t <= 6; ++t) {
    optimizer.clear_gradients();
    ((parameter["matrix"] * t).sin().sum() + parameter["vector"].pow(3).sum()).backward();
    const auto expect = [&](torch::Tensor& p, torch::Tensor& mean, torch::Tensor& square,
                            const torch::Tensor& gradient, double decay) {
      const torch::Tensor g = gradient * scale;
      mean = 0.8 * mean + 0.2 * g;
      square = 0.9 * square + 0.1 * g * g;
      p = p - rate * decay * p -
          rate * (mean / (1 - std::pow(0.8, t))) / ((square / (1 - std::pow(0.9, t))).sqrt() + 1e-4);
    };
    expect(theta, m, v, parameter["matrix"].grad(), 0.3);
    expect(bias, bm, bv, parameter["vector"].grad(), 0);
    optimizer.step(rate, scale);
    EXPECT_TRUE(torch::allclose(parameter["matrix"], theta, 1e-10, 1e-12)) << t;
    EXPECT_TRUE(torch::allclose(parameter["vector"], bias, 1e-10, 1e-12)) << t;
  }
}

TEST(AdamW, AParameterWithoutGradientDoesNotMoveNorDoesItsState) {
  const auto parameter = parameters();
  lab::AdamW optimizer(parameter, {});
  const torch::Tensor before = parameter["matrix"].detach().clone();
  parameter["vector"].sum().backward();
  optimizer.step(0.1, 1);
  EXPECT_TRUE(torch::equal(parameter["matrix"], before));
  EXPECT_EQ(optimizer.slots()[0].steps, 0);
  EXPECT_EQ(optimizer.slots()[1].steps, 1);
}

TEST(AdamW, NormIsThatOfAllGradients) {
  const auto parameter = parameters();
  lab::AdamW optimizer(parameter, {});
  (parameter["matrix"].sum() * 2 + parameter["vector"].sum()).backward();
  EXPECT_NEAR(optimizer.gradient_norm(), std::sqrt(12 * 4 + 5), 1e-12);
}

TEST(LearningRate, RisesThenFallsToTheFloor) {
  const TrainingOptions options{.steps = 101, .lr = 2, .min_lr = 0.25, .warmup = 10};
  EXPECT_DOUBLE_EQ(lab::learning_rate(options, 0), 0.2);
  EXPECT_DOUBLE_EQ(lab::learning_rate(options, 9), 2);
  EXPECT_DOUBLE_EQ(lab::learning_rate(options, 10), 2);
  EXPECT_NEAR(lab::learning_rate(options, 55), 0.5 * (2 + 0.5), 1e-12);
  EXPECT_NEAR(lab::learning_rate(options, 100), 0.5, 1e-12);
  for (int64_t step = 11; step < 100; ++step)
    EXPECT_LT(lab::learning_rate(options, step + 1), lab::learning_rate(options, step));
  EXPECT_DOUBLE_EQ(lab::learning_rate({.steps = 1, .lr = 3, .warmup = 5}, 0), 3);
}

}  // namespace
}  // namespace coppice::test
