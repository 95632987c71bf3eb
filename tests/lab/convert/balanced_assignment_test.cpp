#include "lab/convert/balanced_assignment.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"

namespace coppice::lab {
namespace {

std::vector<double> random_costs(int64_t items, int64_t clusters, Rng& rng, bool ties) {
  std::vector<double> cost;
  for (int64_t i = 0; i < items * clusters; ++i)
    cost.push_back(ties ? static_cast<double>(rng.below(4)) : rng.uniform(-1, 1));
  return cost;
}

// Least cost over all balanced assignments: every distinct arrangement of the labels.
double brute_force(const std::vector<double>& cost, int64_t items, int64_t clusters) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < items; ++i) labels.push_back(i / (items / clusters));
  double best = std::numeric_limits<double>::infinity();
  do best = std::min(best, assignment_cost(cost, labels, clusters));
  while (std::next_permutation(labels.begin(), labels.end()));
  return best;
}

void expect_balanced(const std::vector<int64_t>& labels, int64_t clusters) {
  std::vector<size_t> load(static_cast<size_t>(clusters), 0);
  for (const int64_t label : labels) ++load.at(static_cast<size_t>(label));
  for (const size_t count : load) EXPECT_EQ(count, labels.size() / static_cast<size_t>(clusters));
}

TEST(BalancedAssignment, IsAsCheapAsTheBestOfAllAssignments) {
  Rng rng(1);
  const std::vector<std::pair<int64_t, int64_t>> shapes = {{4, 4}, {6, 2},  {6, 3}, {8, 2},
                                                           {9, 3}, {10, 5}, {7, 1}};
  for (const auto& [items, clusters] : shapes)
    for (int round = 0; round < 8; ++round) {
      const auto cost = random_costs(items, clusters, rng, round % 2 == 1);
      const auto labels = balanced_assignment(cost, items, clusters);
      expect_balanced(labels, clusters);
      EXPECT_NEAR(assignment_cost(cost, labels, clusters), brute_force(cost, items, clusters), 1e-9)
          << items << " on " << clusters;
    }
}

// Too large to enumerate: an assignment is optimal exactly if no cycle of clusters can pass items on at a gain.
TEST(BalancedAssignment, LeavesNoGainfulExchangeInALargeProblem) {
  Rng rng(2);
  const int64_t items = 560, clusters = 7;
  for (const bool ties : {false, true}) {
    const auto cost = random_costs(items, clusters, rng, ties);
    const auto labels = balanced_assignment(cost, items, clusters);
    expect_balanced(labels, clusters);
    std::vector<std::vector<double>> gain(7, std::vector<double>(7, 1e9));
    for (size_t i = 0; i < labels.size(); ++i)
      for (size_t to = 0; to < 7; ++to) {
        const auto from = static_cast<size_t>(labels[i]);
        gain[from][to] = std::min(gain[from][to], cost[i * 7 + to] - cost[i * 7 + from]);
      }
    for (size_t k = 0; k < 7; ++k)
      for (size_t a = 0; a < 7; ++a)
        for (size_t b = 0; b < 7; ++b) gain[a][b] = std::min(gain[a][b], gain[a][k] + gain[k][b]);
    for (size_t a = 0; a < 7; ++a) EXPECT_GE(gain[a][a], -1e-9);
  }
}

TEST(BalancedAssignment, TakesAWidthOfARealModelInItsStride) {
  Rng rng(3);
  const auto cost = random_costs(11008, 8, rng, false);
  expect_balanced(balanced_assignment(cost, 11008, 8), 8);
}

TEST(BalancedAssignment, RefusesCostsThatAreNotFinite) {
  const std::vector<double> cost = {1, 2, std::numeric_limits<double>::quiet_NaN(), 4};
  EXPECT_THROW(balanced_assignment(cost, 2, 2), Error);
}

}  // namespace
}  // namespace coppice::lab
