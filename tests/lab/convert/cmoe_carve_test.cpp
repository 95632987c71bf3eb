#include <gtest/gtest.h>

#include "lab/convert/balanced_kmeans.h"
#include "lab/convert/cmoe.h"
#include "lab/convert/representatives.h"

namespace coppice::lab {
namespace {

torch::Tensor random_markers(int64_t tokens, int64_t neurons) {
  torch::manual_seed(11);
  return torch::rand({tokens, neurons}).lt(0.3).to(torch::kUInt8);
}

TEST(MarkerDistances, AreTheL1DistancesOfColumns) {
  const torch::Tensor markers = random_markers(5000, 6), centroids = torch::rand({5000, 3}, torch::kFloat64);
  const torch::Tensor fast = marker_distances(markers, centroids, MarkerDistance::l1);
  for (int64_t n = 0; n < 6; ++n)
    for (int64_t c = 0; c < 3; ++c) {
      const double slow =
          (markers.select(1, n).to(torch::kFloat64) - centroids.select(1, c)).abs().sum().item<double>();
      EXPECT_NEAR(fast[n][c].item<double>(), slow, 1e-7);
    }
}

TEST(MarkerDistances, OrTheCosineDistancesOfColumns) {
  torch::Tensor markers = random_markers(5000, 6);
  markers.select(1, 4).zero_();  // a neuron that never fires
  const torch::Tensor centroids = torch::rand({5000, 3}, torch::kFloat64);
  const torch::Tensor fast = marker_distances(markers, centroids, MarkerDistance::cosine);
  for (int64_t n = 0; n < 6; ++n)
    for (int64_t c = 0; c < 3; ++c) {
      const torch::Tensor a = markers.select(1, n).to(torch::kFloat64), b = centroids.select(1, c);
      const double slow = n == 4 ? 1 : 1 - a.dot(b).item<double>() / (a.norm() * b.norm()).item<double>();
      EXPECT_NEAR(fast[n][c].item<double>(), slow, 1e-9);
    }
}

TEST(Carve, PartitionsTheNeuronsAndSharesThoseOfHighestRate) {
  const torch::Tensor markers = random_markers(300, 24);
  Rng rng(1);
  const Carving carving = carve(markers, {.experts = 6, .shared = 2}, rng);
  auto sets = carving.routed;
  sets.push_back(carving.shared);
  EXPECT_EQ(partition_faults(sets, 24), 0);
  EXPECT_EQ(carving.routed.size(), 4u);
  for (const auto& set : carving.routed) EXPECT_EQ(set.size(), 4u);
  EXPECT_EQ(carving.shared, top_neurons(markers.to(torch::kFloat64).mean(0), 8));
}

TEST(Carve, PutsNeuronsThatFireTogetherIntoOneExpert) {
  // Three planted groups of four neurons, interleaved; each token fires one group.
  torch::Tensor markers = torch::zeros({90, 12}, torch::kUInt8);
  for (int64_t t = 0; t < 90; ++t)
    for (int64_t n = 0; n < 12; ++n) markers[t][n] = n % 3 == t % 3;
  // The clustering starts at the columns of highest rate, which must not all be of one group.
  markers[0][1] = markers[1][2] = markers[0][2] = markers[2][0] = markers[1][0] = 1;
  Rng rng(1);
  for (const MarkerDistance distance : {MarkerDistance::l1, MarkerDistance::cosine}) {
    const Carving carving =
        carve(markers, {.experts = 3, .shared = 0, .distance = distance, .iterations = 5}, rng);
    for (const auto& set : carving.routed)
      for (const int64_t neuron : set) EXPECT_EQ(neuron % 3, set.front() % 3);
  }
}

TEST(RepresentativeNeurons, AreNearestToTheMeanOfTheirSet) {
  const torch::Tensor markers = random_markers(200, 10);
  const std::vector<NeuronSet> sets = {{0, 2, 5, 7, 9}, {1, 3, 4, 6, 8}};
  const NeuronSet chosen = representative_neurons(markers, sets, MarkerDistance::l1);
  for (size_t s = 0; s < sets.size(); ++s) {
    const torch::Tensor mean =
        markers.index_select(1, torch::tensor(sets[s], torch::kInt64)).to(torch::kFloat64).mean(1);
    auto distance = [&](int64_t n) {
      return (markers.select(1, n).to(torch::kFloat64) - mean).abs().sum().item<double>();
    };
    for (const int64_t neuron : sets[s]) EXPECT_LE(distance(chosen[s]), distance(neuron) + 1e-9);
  }
}

TEST(NeuronRouter, HasUnitRowsOfTheRepresentatives) {
  const FfnWeights ffn{
      .gate = torch::randn({5, 4}), .up = torch::randn({5, 4}), .down = torch::randn({4, 5})};
  const NeuronRouter router = neuron_router(ffn, {3, 1});
  EXPECT_NEAR(router.up[0].norm().item<double>(), 1, 1e-6);
  EXPECT_NEAR((router.gate[1] * ffn.gate[1].norm() - ffn.gate[1]).abs().max().item<double>(), 0, 1e-6);
}

TEST(BalancedKmeans, FindsPlantedClustersOfEqualSize) {
  torch::manual_seed(12);
  const torch::Tensor centres = torch::tensor({{0.0, 0.0}, {10.0, 0.0}, {0.0, 10.0}});
  const torch::Tensor points = centres.repeat({8, 1}) + 0.1 * torch::randn({24, 2});
  Rng rng(4);
  const Clustering found = balanced_kmeans(points, 3, rng);
  std::vector<int> load(3, 0);
  for (size_t i = 0; i < found.labels.size(); ++i) {
    EXPECT_EQ(found.labels[i], found.labels[i % 3]);
    ++load[static_cast<size_t>(found.labels[i])];
  }
  EXPECT_EQ(load, (std::vector<int>{8, 8, 8}));
}

}  // namespace
}  // namespace coppice::lab
