#include "lab/convert/neuron_sets.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lab/convert/activation_statistics.h"

namespace coppice::lab {
namespace {

using testing::ElementsAre;

FfnWeights random_ffn(int64_t width, int64_t neurons) {
  return {.gate = torch::randn({neurons, width}),
          .up = torch::randn({neurons, width}),
          .down = torch::randn({width, neurons})};
}

TEST(PartitionFaults, CountsNeuronsThatAreMissingOrRepeated) {
  EXPECT_EQ(partition_faults({{0, 2}, {1, 3}}, 4), 0);
  EXPECT_EQ(partition_faults({{0, 2}, {1}}, 4), 1);
  EXPECT_EQ(partition_faults({{0, 2}, {1, 2, 3}}, 4), 1);
  EXPECT_EQ(partition_faults({}, 3), 3);
}

TEST(RandomPartition, IsDisjointCoversAndDependsOnlyOnTheSeed) {
  NeuronSet all(60);
  std::iota(all.begin(), all.end(), 0);
  Rng first(5), again(5), other(6);
  const auto sets = random_partition(all, 4, first);
  ASSERT_EQ(sets.size(), 4u);
  for (const auto& set : sets) {
    EXPECT_EQ(set.size(), 15u);
    EXPECT_TRUE(std::is_sorted(set.begin(), set.end()));
  }
  EXPECT_EQ(partition_faults(sets, 60), 0);
  EXPECT_EQ(sets, random_partition(all, 4, again));
  EXPECT_NE(sets, random_partition(all, 4, other));
}

TEST(TopNeurons, PrefersTheLowerIndexOfEqualScores) {
  EXPECT_THAT(top_neurons(torch::tensor({1.0, 3.0, 1.0, 1.0, 2.0}), 3), ElementsAre(0, 1, 4));
  EXPECT_THAT(top_neurons(torch::tensor({1.0, 3.0}), 5), ElementsAre(0, 1));
  EXPECT_THAT(complement({1, 3}, 5), ElementsAre(0, 2, 4));
}

TEST(FfnSlices, OfAPartitionAddUpToTheWholeFfn) {
  torch::manual_seed(1);
  const FfnWeights ffn = random_ffn(6, 12);
  const torch::Tensor x = torch::randn({9, 6});
  auto run = [&x](const FfnWeights& part) {
    return torch::linear(hidden_neurons(part, x, Activation::silu), part.down);
  };
  NeuronSet all(12);
  std::iota(all.begin(), all.end(), 0);
  Rng rng(7);
  torch::Tensor sum = torch::zeros({9, 6});
  for (const auto& set : random_partition(all, 3, rng)) sum += run(ffn.slice(set));
  EXPECT_LT((sum - run(ffn)).abs().max().item<double>(), 1e-5);
}

TEST(FfnSlices, TakeRowsColumnsAndBiasesByOneIndexSet) {
  FfnWeights ffn = random_ffn(3, 5);
  ffn.up_bias = torch::randn({5});
  ffn.down_bias = torch::randn({3});
  const FfnWeights part = ffn.slice({1, 4});
  EXPECT_TRUE(part.gate[1].equal(ffn.gate[4]));
  EXPECT_TRUE(part.down.select(1, 0).equal(ffn.down.select(1, 1)));
  EXPECT_EQ(part.up_bias[1].item<float>(), ffn.up_bias[4].item<float>());
  EXPECT_TRUE(part.down_bias.equal(ffn.down_bias));
  EXPECT_FALSE(part.gate_bias.defined());
}

TEST(TopMarkers, MarkTheLargestMagnitudesOfEachToken) {
  torch::manual_seed(2);
  const torch::Tensor h = torch::randn({40, 17});
  const torch::Tensor markers = top_markers(h, 5);
  for (int64_t t = 0; t < h.size(0); ++t) {
    std::vector<std::pair<double, int64_t>> order;
    for (int64_t i = 0; i < h.size(1); ++i) order.emplace_back(-std::abs(h[t][i].item<double>()), i);
    std::sort(order.begin(), order.end());
    for (size_t rank = 0; rank < order.size(); ++rank)
      EXPECT_EQ(markers[t][order[rank].second].item<int>(), rank < 5 ? 1 : 0);
  }
}

TEST(TopMarkers, OfEqualValuesTakeTheFirst) {
  EXPECT_TRUE(top_markers(torch::tensor({{2.0, -2.0, 2.0, 1.0}}), 2)
                  .equal(torch::tensor({{1, 1, 0, 0}}, torch::kUInt8)));
}

TEST(ActivationStatistics, FedInChunksEqualThoseOfTheWhole) {
  torch::manual_seed(3);
  const torch::Tensor h = torch::randn({50, 8}, torch::kFloat64);
  ActivationStatistics statistics;
  for (const auto& chunk : h.split(13)) statistics.add(chunk);
  EXPECT_EQ(statistics.tokens(), 50);
  EXPECT_LT((statistics.mean() - h.mean(0)).abs().max().item<double>(), 1e-12);
  EXPECT_LT((statistics.mean_absolute() - h.abs().mean(0)).abs().max().item<double>(), 1e-12);
  EXPECT_LT((statistics.root_mean_square() - h.square().mean(0).sqrt()).abs().max().item<double>(), 1e-12);
}

TEST(HiddenNeuronsByCosine, IgnoreTheLengthsOfTokensAndRows) {
  torch::manual_seed(4);
  const FfnWeights ffn = random_ffn(6, 5);
  FfnWeights longer = ffn;
  longer.up = ffn.up * torch::rand({5, 1}).add(0.5);
  longer.gate = ffn.gate * 7;
  const torch::Tensor x = torch::randn({4, 6});
  const torch::Tensor h = hidden_neurons_by_cosine(ffn, x, Activation::silu);
  EXPECT_LT((h - hidden_neurons_by_cosine(longer, 3 * x, Activation::silu)).abs().max().item<double>(), 1e-6);
  const auto cosine = [&](const torch::Tensor& row) {
    return torch::cosine_similarity(x[2].unsqueeze(0), row.unsqueeze(0), 1)[0];
  };
  const double expected = (torch::silu(cosine(ffn.gate[3])) * cosine(ffn.up[3])).item<double>();
  EXPECT_NEAR(h[2][3].item<double>(), expected, 1e-6);
}

}  // namespace
}  // namespace coppice::lab
