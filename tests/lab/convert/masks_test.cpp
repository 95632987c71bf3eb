#include <numeric>

#include <gtest/gtest.h>

#include "base/progress.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/gumbel.h"
#include "lab/convert/mask_export.h"
#include "lab/convert/mask_losses.h"
#include "lab/convert/mask_training.h"
#include "lab/convert/parity.h"
#include "lab/tiny_models.h"

namespace coppice::lab {
namespace {

TEST(StraightThrough, HasHardValuesAndTheGradientsOfTheRelaxation) {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({6, 4}, torch::kFloat64).requires_grad_(true),
                      noise = gumbel_noise(logits), weight = torch::randn({6, 4}, torch::kFloat64);
  const torch::Tensor choice = straight_through_softmax(logits, noise, 0.4);
  EXPECT_TRUE(choice.detach().sum(1).eq(1).all().item<bool>());
  EXPECT_TRUE(choice.argmax(1).equal((logits + noise).argmax(1)));
  const auto hard = torch::autograd::grad({(choice * weight).sum()}, {logits})[0];
  const auto soft =
      torch::autograd::grad({(torch::softmax((logits + noise) / 0.4, -1) * weight).sum()}, {logits})[0];
  EXPECT_LT((hard - soft).abs().max().item<double>(), 1e-12);

  const torch::Tensor mask = straight_through_sigmoid(logits, noise, 0.4);
  EXPECT_TRUE(mask.detach().eq((logits + noise).gt(0).to(torch::kFloat64)).all().item<bool>());
  const auto hard_mask = torch::autograd::grad({(mask * weight).sum()}, {logits})[0];
  const auto soft_mask =
      torch::autograd::grad({(torch::sigmoid((logits + noise) / 0.4) * weight).sum()}, {logits})[0];
  EXPECT_LT((hard_mask - soft_mask).abs().max().item<double>(), 1e-12);
}

TEST(MaskLosses, HaveTheValuesOfTheirFormulas) {
  const std::vector<torch::Tensor> masks = {torch::tensor({{1.0, 1.0, 0.0, 0.0}, {0.0, 1.0, 0.0, 0.0}}),
                                            torch::ones({2, 4})};
  EXPECT_DOUBLE_EQ(active_ratio(masks).item<double>(), 6.0 / 8);
  EXPECT_NEAR(union_loss(masks).item<double>(), 0.5 * std::log(1.001 / 0.501), 1e-6);
  EXPECT_NEAR(ratio_loss(torch::tensor(0.75), 0.5).item<double>(), std::log(0.751 / 0.501), 1e-6);
  EXPECT_NEAR(ratio_loss(torch::tensor(0.25), 0.5).item<double>(), std::log(0.501 / 0.251), 1e-6);
  EXPECT_EQ(ratio_loss(torch::tensor(0.5), 0.5).item<double>(), 0);
  const torch::Tensor even = torch::zeros({8, 4}), choices = torch::eye(4).repeat({2, 1});
  EXPECT_NEAR(balance_loss(even, choices).item<double>(), 0.25, 1e-6);
  const torch::Tensor one_sided = torch::tensor({{9.0, 0.0}, {9.0, 0.0}});
  EXPECT_GT(balance_loss(one_sided, torch::tensor({{1.0, 0.0}, {1.0, 0.0}})).item<double>(), 0.9);
  const torch::Tensor logits = torch::randn({3, 5});
  EXPECT_NEAR(distillation_loss(logits, logits + 3).item<double>(), 0, 1e-6);
  EXPECT_GT(distillation_loss(logits, logits.flip(1)).item<double>(), 0);
}

TEST(LearnedWidth, IsTheExpectedWidthOfSampledMasks) {
  torch::manual_seed(2);
  const torch::Tensor logits = torch::randn({1, 50});
  double sum = 0;
  for (int i = 0; i < 2000; ++i)
    sum += straight_through_sigmoid(logits, gumbel_noise(logits), 0.4).sum().item<double>();
  EXPECT_NEAR(learned_width(logits), sum / 2000, 0.5);
}

TEST(AllocateWidths, MeetsTheBudgetInProportion) {
  EXPECT_EQ(allocate_widths({10, 20, 30}, {40, 40, 40}, 60), (std::vector<int64_t>{10, 20, 30}));
  EXPECT_EQ(allocate_widths({10, 20, 30}, {40, 40, 40}, 90), (std::vector<int64_t>{17, 33, 40}));
  EXPECT_EQ(allocate_widths({0, 0, 5}, {8, 8, 8}, 9), (std::vector<int64_t>{1, 1, 7}));
  EXPECT_EQ(allocate_widths({1, 1, 1}, {8, 8, 8}, 24), (std::vector<int64_t>{8, 8, 8}));
  Rng rng(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> learned;
    std::vector<int64_t> capacity;
    for (int i = 0; i < 7; ++i) {
      capacity.push_back(1 + static_cast<int64_t>(rng.below(50)));
      learned.push_back(rng.uniform(0, static_cast<double>(capacity.back())));
    }
    const int64_t total = std::accumulate(capacity.begin(), capacity.end(), int64_t{0});
    const int64_t budget = 7 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(total - 6)));
    const auto widths = allocate_widths(learned, capacity, budget);
    EXPECT_EQ(std::accumulate(widths.begin(), widths.end(), int64_t{0}), budget);
    for (size_t i = 0; i < widths.size(); ++i) EXPECT_TRUE(widths[i] >= 1 && widths[i] <= capacity[i]);
  }
}

TEST(MaskedModel, WithAllMasksOnIsTheDenseModel) {
  const ModelSpec spec = test::tiny_dense();
  const auto dense = test::random_model(spec, 4);
  MaskedModel masked = make_masked_model(spec, state_of(*dense), 3, 0);
  for (auto& ffn : masked.ffns) ffn->fixed_masks = torch::ones({3, 24});
  masked.set_masking(Masking::fixed);
  EXPECT_TRUE(same_logits("", *dense, *masked.model, test::random_ids(2, 20, 40, 5)).held());
  masked.ffns[1]->fixed_masks[0].fill_(0);
  masked.ffns[1]->fixed_masks[1].fill_(0);
  masked.ffns[1]->fixed_masks[2].fill_(0);
  EXPECT_FALSE(same_logits("", *dense, *masked.model, test::random_ids(2, 20, 40, 5)).held());
}

TEST(MaskedModel, SendsGradientsToTheHypernetworkAndRoutersButNotToTheDenseModel) {
  const ModelSpec spec = test::tiny_dense();
  const auto dense = test::random_model(spec, 6);
  MaskedModel masked = make_masked_model(spec, state_of(*dense), 3, 0);
  const torch::Tensor ids = test::random_ids(4, 20, 40, 7), teacher = masked.model->forward(ids);
  masked.set_masking(Masking::sampled);
  const torch::Tensor embeddings = masked.network->embeddings();
  for (size_t i = 0; i < masked.ffns.size(); ++i)
    masked.ffns[i]->embedding = embeddings[static_cast<int64_t>(i)];
  torch::manual_seed(8);
  distillation_loss(teacher, masked.model->forward(ids)).backward();
  for (const auto& parameter : masked.network->named_parameters()) {
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    EXPECT_GT(parameter.value().grad().abs().max().item<double>(), 0) << parameter.key();
  }
  for (const auto& parameter : masked.model->named_parameters())
    EXPECT_FALSE(parameter.value().requires_grad()) << parameter.key();
}

TEST(TrainMasks, ReachesTheActiveRatioIsDeterministicAndLeavesTheDenseModelAlone) {
  const ModelSpec spec = test::tiny_dense();
  const auto dense = test::random_model(spec, 9);
  std::vector<TokenId> ids;
  Rng rng(10);
  for (int i = 0; i < 800; ++i) ids.push_back(static_cast<TokenId>(rng.below(40)));
  const Calibration text(ids, std::nullopt, 16, "test");
  const MaskTraining training{.active = 0.5, .steps = 120, .batch = 4, .learning_rate = 1e-2};
  MaskedModel first = make_masked_model(spec, state_of(*dense), 2, 1),
              again = make_masked_model(spec, state_of(*dense), 2, 1);
  Progress::silence(true);
  const auto result = train_masks(first, text, training, "");
  train_masks(again, text, training, "");
  EXPECT_NEAR(result.ratio, 0.5, 0.1);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(first.mask_logits()[i].equal(again.mask_logits()[i]));
  EXPECT_EQ(differing_bytes(state_of(*dense), state_of(*first.model)), 0);
  EXPECT_TRUE(first.ffns[0]->weights().up.equal(ffn_at(state_of(*dense), ffn_prefix(0)).up));
}

}  // namespace
}  // namespace coppice::lab
