#include "lab/route/balance.h"

#include <cmath>

#include "lab/gradient_check.h"
#include "lab/route/ledger.h"
#include "lab/route/stages.h"

namespace coppice::test {
namespace {

using lab::Routing;

Routing routing_of(const torch::Tensor& logits, RouterScore score, int64_t top_k) {
  const torch::Tensor scores = lab::router_scores({.score = score}, logits);
  const torch::Tensor experts = lab::select_experts(scores, {}, top_k);
  return {logits.size(1), logits, scores, experts, scores.gather(1, experts)};
}

TEST(LoadBalancingLoss, EqualsItsFormula) {
  const torch::Tensor logits = random_leaf({6, 4}, 1);
  const Routing routing = routing_of(logits, RouterScore::softmax, 2);
  double expected = 0;
  for (int64_t e = 0; e < 4; ++e) {
    double count = 0, probability = 0;
    for (int64_t row = 0; row < 6; ++row) {
      double total = 0;
      for (int64_t j = 0; j < 4; ++j) total += std::exp(logits[row][j].item<double>());
      probability += std::exp(logits[row][e].item<double>()) / total / 6;
      for (int64_t k = 0; k < 2; ++k) count += routing.experts[row][k].item<int64_t>() == e;
    }
    expected += 4 * (count / 12) * probability;
  }
  EXPECT_NEAR(lab::load_balancing_loss(routing).item<double>(), expected, 1e-12);
}

TEST(LoadBalancingLoss, IsOneWhenEvenAndTheNumberOfExpertsWhenCollapsed) {
  const torch::Tensor even = torch::eye(4, torch::kDouble) * 50;
  EXPECT_NEAR(lab::load_balancing_loss(routing_of(even, RouterScore::softmax, 1)).item<double>(), 1, 1e-9);
  const torch::Tensor collapsed = torch::tensor({50.0, 0.0, 0.0, 0.0}, torch::kDouble).expand({4, 4});
  EXPECT_NEAR(lab::load_balancing_loss(routing_of(collapsed, RouterScore::softmax, 1)).item<double>(), 4,
              1e-9);
}

TEST(BalanceLosses, GradientsAreFiniteDifferences) {
  const torch::Tensor logits = random_leaf({6, 4}, 2);
  for (const auto score : {RouterScore::softmax, RouterScore::sigmoid})
    expect_gradients_match([&] { return lab::load_balancing_loss(routing_of(logits, score, 2)).view({1}); },
                           {logits});
  expect_gradients_match(
      [&] { return lab::router_z_loss(routing_of(logits, RouterScore::softmax, 2)).view({1}); }, {logits});
}

TEST(RouterZLoss, EqualsItsFormula) {
  const torch::Tensor logits = random_leaf({3, 5}, 3);
  double expected = 0;
  for (int64_t row = 0; row < 3; ++row) {
    double sum = 0;
    for (int64_t e = 0; e < 5; ++e) sum += std::exp(logits[row][e].item<double>());
    expected += std::log(sum) * std::log(sum) / 3;
  }
  EXPECT_NEAR(lab::router_z_loss(routing_of(logits, RouterScore::softmax, 1)).item<double>(), expected,
              1e-12);
}

TEST(SelectionBias, MovesAgainstTheLoad) {
  torch::Tensor bias = torch::zeros({3}, torch::kDouble);
  lab::update_selection_bias(bias, {9, 3, 6}, 0.25);
  EXPECT_TRUE(torch::equal(bias, torch::tensor({-0.25, 0.25, 0.0}, torch::kDouble)));
}

TEST(SelectionBias, EvensOutALopsidedRouter) {
  torch::manual_seed(4);
  const torch::Tensor scores = torch::sigmoid(torch::randn({400, 4}, torch::kDouble) +
                                              torch::tensor({2.0, 0.5, 0.0, -1.0}, torch::kDouble));
  torch::Tensor bias = torch::zeros({4}, torch::kDouble);
  lab::ExpertLedger before, after;
  for (int step = 0; step <= 400; ++step) {
    const Routing routing{scores.size(1), scores, scores, lab::select_experts(scores, bias, 1), {}};
    lab::ExpertLedger now;
    now.add(0, routing);
    if (step == 0) before = now;
    if (step == 400) after = now;
    lab::update_selection_bias(bias, now.counts().at(0), 0.003);
  }
  EXPECT_LT(before.entropy(0), 0.9);
  EXPECT_GT(after.entropy(0), 0.98);
}

TEST(ExpertLedger, CountsLoadEntropyDeadAndHot) {
  lab::ExpertLedger ledger;
  Routing routing;
  routing.expert_count = 4;
  routing.experts = torch::tensor({{0}, {0}, {0}, {2}}, torch::kInt64);
  ledger.add(7, routing);
  ledger.add(7, routing);
  EXPECT_EQ(ledger.counts().at(7), (std::vector<int64_t>{6, 0, 2, 0}));
  EXPECT_EQ(ledger.load(7), (std::vector<double>{0.75, 0, 0.25, 0}));
  EXPECT_NEAR(ledger.entropy(7), -(0.75 * std::log(0.75) + 0.25 * std::log(0.25)) / std::log(4.0), 1e-12);
  EXPECT_EQ(ledger.dead(7), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(ledger.hot(7), (std::vector<int64_t>{0}));
}

}  // namespace
}  // namespace coppice::test
