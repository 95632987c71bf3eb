#include "lab/route/stages.h"

#include "lab/gradient_check.h"

namespace coppice::test {
namespace {

TEST(SelectExperts, OfEqualScoresTheLowerIndexWins) {
  const torch::Tensor scores =
      torch::tensor({{0.2, 0.5, 0.5, 0.2}, {0.1, 0.1, 0.1, 0.1}, {0.4, 0.1, 0.4, 0.4}});
  const torch::Tensor chosen = lab::select_experts(scores, {}, 3);
  EXPECT_TRUE(torch::equal(chosen, torch::tensor({{1, 2, 0}, {0, 1, 2}, {0, 2, 3}}, torch::kInt64)));
}

TEST(SelectExperts, ManyTiesKeepTheirOrder) {
  const torch::Tensor chosen = lab::select_experts(torch::zeros({2, 200}), {}, 200);
  EXPECT_TRUE(torch::equal(chosen[1], torch::arange(200, torch::kInt64)));
}

TEST(SelectExperts, ABiasSteersSelectionOnly) {
  const torch::Tensor scores = torch::tensor({{0.5, 0.3, 0.2}});
  const torch::Tensor chosen = lab::select_experts(scores, torch::tensor({-0.4, 0.0, 0.2}), 2);
  EXPECT_TRUE(torch::equal(chosen, torch::tensor({{2, 1}}, torch::kInt64)));
  const torch::Tensor weights = lab::expert_weights({.scale = 2}, scores, chosen);
  EXPECT_TRUE(torch::allclose(weights, torch::tensor({{0.8, 1.2}})));
}

TEST(ExpertWeights, AllZeroScoresStayFinite) {
  const torch::Tensor scores = torch::zeros({2, 3}), experts = torch::tensor({{0, 1}, {1, 2}}, torch::kInt64);
  EXPECT_TRUE(lab::expert_weights({}, scores, experts).isfinite().all().item<bool>());
}

TEST(ExpertWeights, GradientsAreFiniteDifferences) {
  const torch::Tensor logits = random_leaf({4, 5}, 1), u = random_leaf({5}, 2);
  const torch::Tensor experts = lab::select_experts(logits, {}, 3);
  for (const auto weight : {ExpertWeight::score, ExpertWeight::renormalised, ExpertWeight::one_plus})
    for (const auto score : {RouterScore::softmax, RouterScore::sigmoid})
      expect_gradients_match(
          [&] {
            return lab::expert_weights({.weight = weight, .scale = 1.5},
                                       lab::router_scores({.score = score}, logits), experts, u);
          },
          {logits, u});
}

}  // namespace
}  // namespace coppice::test
