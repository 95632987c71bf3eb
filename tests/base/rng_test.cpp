#include "base/rng.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace coppice {
namespace {

// xoshiro256** and splitmix64 written down once more, from their papers' recurrences.
struct Reference {
  uint64_t s[4];
  explicit Reference(uint64_t seed) {
    for (auto& word : s) {
      seed += 0x9e3779b97f4a7c15;
      uint64_t z = seed;
      z ^= z >> 30;
      z *= 0xbf58476d1ce4e5b9;
      z ^= z >> 27;
      z *= 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }
  static uint64_t turn(uint64_t x, unsigned k) { return x << k | x >> (64 - k); }
  uint64_t operator()() {
    const uint64_t out = 9 * turn(5 * s[1], 7);
    uint64_t next[4];
    next[0] = s[0] ^ s[1] ^ s[3];
    next[1] = s[0] ^ s[1] ^ s[2];
    next[2] = s[0] ^ s[2] ^ (s[1] << 17);
    next[3] = turn(s[1] ^ s[3], 45);
    std::copy(next, next + 4, s);
    return out;
  }
};

TEST(Rng, IsTheAlgorithmItNames) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{0x123456789ABCDEF}}) {
    Rng rng(seed);
    Reference reference(seed);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(rng.next(), reference());
  }
  // The first output of splitmix64 for seed 0, a published constant.
  EXPECT_EQ(Reference(0).s[0], 0xE220A8397B1DCDAFULL);
}

TEST(Rng, SameSeedSameNumbersAndItsStateResumes) {
  Rng a(5), b(5);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a.next(), b.next());
  std::vector<uint64_t> saved(a.state().begin(), a.state().end());
  const uint64_t expected = a.next();
  Rng resumed(99);
  std::copy(saved.begin(), saved.end(), resumed.state().begin());
  EXPECT_EQ(resumed.next(), expected);
}

TEST(Rng, ForksAreIndependentOfEachOtherAndLeaveTheParentAlone) {
  Rng parent(7);
  Rng data = parent.fork("data"), init = parent.fork("init"), again = parent.fork("data");
  EXPECT_EQ(parent.next(), Rng(7).next());
  const uint64_t first = data.next();
  EXPECT_EQ(first, again.next());
  EXPECT_NE(first, init.next());
}

// Pearson's statistic of `counts` against equal shares.
double chi_squared(const std::vector<int>& counts) {
  const double expected =
      std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST(Rng, BelowIsUniformAlsoForBoundsThatDoNotDivide) {
  Rng rng(11);
  for (const uint64_t bound : {2u, 7u, 100u}) {
    std::vector<int> counts(bound);
    for (int i = 0; i < 100000; ++i) ++counts.at(rng.below(bound));
    // Mean bound - 1, deviation sqrt(2 (bound - 1)): five deviations above.
    const auto freedom = static_cast<double>(bound - 1);
    EXPECT_LT(chi_squared(counts), freedom + 5 * std::sqrt(2 * freedom));
  }
  const uint64_t three_quarters = 3 * (uint64_t{1} << 62);  // would be badly skewed without rejection
  int low = 0;
  for (int i = 0; i < 30000; ++i) low += rng.below(three_quarters) < three_quarters / 3;
  EXPECT_NEAR(low, 10000, 500);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(12);
  constexpr int n = 200000;
  double sum = 0, square = 0, normal_sum = 0, normal_square = 0, normal_fourth = 0;
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform(), x = rng.normal();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    square += u * u;
    normal_sum += x;
    normal_square += x * x;
    normal_fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / n, 1.0 / 2, 0.005);
  EXPECT_NEAR(square / n, 1.0 / 3, 0.005);
  EXPECT_NEAR(normal_sum / n, 0, 0.01);
  EXPECT_NEAR(normal_square / n, 1, 0.02);
  EXPECT_NEAR(normal_fourth / n, 3, 0.1);
}

TEST(Rng, ShuffleReachesEveryOrderEquallyOften) {
  Rng rng(13);
  std::vector<int> counts(24);
  for (int i = 0; i < 48000; ++i) {
    std::vector<int> items = {0, 1, 2, 3};
    rng.shuffle(items);
    std::vector<int> order = {0, 1, 2, 3};
    size_t rank = 0;
    while (order != items) {
      ASSERT_TRUE(std::next_permutation(order.begin(), order.end()));
      ++rank;
    }
    ++counts[rank];
  }
  EXPECT_LT(chi_squared(counts), 23 + 5 * std::sqrt(2 * 23.0));
}

}  // namespace
}  // namespace coppice
