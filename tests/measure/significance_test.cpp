#include "measure/significance.h"

#include <cmath>
#include <numeric>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "support.h"

namespace coppice {
namespace {

// The area under Student's density beyond t on both sides, by Simpson's rule.
double two_sided_by_integration(double t, double freedom) {
  const double scale =
      std::exp(std::lgamma((freedom + 1) / 2) - std::lgamma(freedom / 2)) / std::sqrt(freedom * M_PI);
  const auto density = [&](double x) { return scale * std::pow(1 + x * x / freedom, -(freedom + 1) / 2); };
  constexpr int steps = 20000;
  const double width = std::abs(t) / steps;
  double sum = density(0) + density(std::abs(t));
  for (int i = 1; i < steps; ++i) sum += (i % 2 == 1 ? 4 : 2) * density(i * width);
  return 1 - 2 * sum * width / 3;
}

TEST(Significance, TTestIsTheAreaUnderStudentsDensity) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    const auto n = 2 + rng.below(60);
    std::vector<double> a, b;
    for (uint64_t i = 0; i < n; ++i) {
      a.push_back(rng.uniform());
      b.push_back(a.back() + rng.uniform(-0.3, 0.25));
    }
    const double size = static_cast<double>(n);
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; ++i) mean += (a[i] - b[i]) / size;
    for (size_t i = 0; i < n; ++i) squares += std::pow(a[i] - b[i] - mean, 2);
    const double t = mean / std::sqrt(squares / (size - 1) / size);
    const auto result = paired_t_test(a, b);
    EXPECT_NEAR(result.statistic, t, 1e-9 * (1 + std::abs(t)));
    EXPECT_NEAR(result.p, two_sided_by_integration(t, size - 1), 1e-7) << n << " " << t;
    EXPECT_NEAR(paired_t_test(b, a).p, result.p, 1e-12);
  }
}

TEST(Significance, TTestAtItsEdges) {
  const std::vector<double> one = {0.5}, same = {0.1, 0.2, 0.3}, more = {0.6, 0.7, 0.8};
  EXPECT_EQ(paired_t_test(one, one).p, 1);
  EXPECT_EQ(paired_t_test(same, same).p, 1);
  EXPECT_LT(paired_t_test(more, same).p, 1e-9);
}

// All sign assignments, by recursion over the queries.
void count_assignments(const std::vector<double>& d, size_t i, double sum, double bound, int64_t& reached) {
  if (i == d.size()) {
    reached += std::abs(sum) >= bound;
    return;
  }
  count_assignments(d, i + 1, sum + d[i], bound, reached);
  count_assignments(d, i + 1, sum - d[i], bound, reached);
}

TEST(Significance, RandomisationTestCountsAllAssignments) {
  Rng rng(2);
  for (int round = 0; round < 100; ++round) {
    const auto n = 1 + rng.below(12);
    std::vector<double> a, b, d;
    for (uint64_t i = 0; i < n; ++i) {
      // Quarters, so that sums are exact and ties come.
      a.push_back(static_cast<double>(rng.below(5)) / 4);
      b.push_back(static_cast<double>(rng.below(5)) / 4);
      d.push_back(a.back() - b.back());
    }
    int64_t reached = 0;
    count_assignments(d, 0, 0, std::abs(std::accumulate(d.begin(), d.end(), 0.0)), reached);
    EXPECT_DOUBLE_EQ(paired_randomisation_test(a, b).p, static_cast<double>(reached) / std::pow(2, n));
  }
}

TEST(Significance, SamplingComesNearTheExactTest) {
  Rng rng(3);
  std::vector<double> a, b;
  for (int i = 0; i < 16; ++i) {
    a.push_back(rng.uniform());
    b.push_back(a.back() + rng.uniform(-0.1, 0.25));
  }
  const double exact = paired_randomisation_test(a, b, {.permutations = 1 << 16}).p;
  const double sampled = paired_randomisation_test(a, b, {.permutations = 60000, .seed = 9}).p;
  EXPECT_NEAR(sampled, exact, 6 * std::sqrt(exact * (1 - exact) / 60000) + 2e-5);
  EXPECT_EQ(sampled, paired_randomisation_test(a, b, {.permutations = 60000, .seed = 9}).p);
  EXPECT_GT(paired_randomisation_test(std::vector<double>(100, 1), std::vector<double>(100, 0)).p, 0);
}

// Both corrections by their definitions.
TEST(Significance, Corrections) {
  Rng rng(4);
  for (int round = 0; round < 100; ++round) {
    std::vector<double> p(1 + rng.below(8));
    for (double& value : p) value = rng.chance(0.3) ? 0.05 : rng.uniform(0, 0.4);
    const auto b = bonferroni(p), h = holm(p);
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_DOUBLE_EQ(b[i], std::min(1.0, p[i] * static_cast<double>(p.size())));
      double expected = 0;  // the largest over all p[j] <= p[i] of p[j] times those that are not smaller
      for (size_t j = 0; j < p.size(); ++j) {
        if (p[j] > p[i]) continue;
        const auto smaller = std::count_if(p.begin(), p.end(), [&](double other) { return other < p[j]; });
        expected = std::max(
            expected, std::min(1.0, p[j] * static_cast<double>(p.size() - static_cast<size_t>(smaller))));
      }
      EXPECT_NEAR(h[i], expected, 1e-15);
      EXPECT_LE(h[i], b[i] + 1e-15);
    }
  }
}

}  // namespace
}  // namespace coppice
