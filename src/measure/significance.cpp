#include "measure/significance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"

namespace coppice {
namespace {

std::vector<double> differences(std::span<const double> a, std::span<const double> b) {
  COPPICE_CHECK(a.size() == b.size());
  std::vector<double> result(a.size());
  std::transform(a.begin(), a.end(), b.begin(), result.begin(), std::minus<>());
  return result;
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The continued fraction of the incomplete beta function; converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr int most_steps = 10000;
  constexpr double tiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::abs(value) < tiny ? tiny : value; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), fraction = d;
  for (int m = 1; m <= most_steps; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= c * d;
    if (std::abs(c * d - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return fraction;
}

// The sum of the differences with signs as the bits of `signs` say.
double signed_sum(std::span<const double> values, std::span<const uint64_t> signs) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i)
    sum += (signs[i / 64] >> (i % 64) & 1) != 0 ? -values[i] : values[i];
  return sum;
}

}  // namespace

double regularised_incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

TestResult paired_t_test(std::span<const double> a, std::span<const double> b) {
  const std::vector<double> d = differences(a, b);
  if (d.size() < 2) return {};
  const double mean = mean_of(d);
  double squares = 0;
  for (const double value : d) squares += (value - mean) * (value - mean);
  const double freedom = static_cast<double>(d.size()) - 1;
  const double error = std::sqrt(squares / freedom / static_cast<double>(d.size()));
  if (error == 0) return mean == 0 ? TestResult{} : TestResult{std::copysign(INFINITY, mean), 0};
  const double t = mean / error;
  return {t, regularised_incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))};
}

TestResult paired_randomisation_test(std::span<const double> a, std::span<const double> b,
                                     const RandomisationOptions& options) {
  const std::vector<double> d = differences(a, b);
  if (d.empty()) return {};
  const double observed = std::accumulate(d.begin(), d.end(), 0.0);
  double scale = 0;
  for (const double value : d) scale += std::abs(value);
  // Sums that are equal in theory are rounded differently.
  const double bound = std::abs(observed) - 1e-12 * scale;
  std::vector<uint64_t> signs((d.size() + 63) / 64);
  const bool exact = d.size() < 62 && int64_t{1} << d.size() <= options.permutations;
  int64_t reached = 0;
  if (exact) {
    const uint64_t assignments = uint64_t{1} << d.size();
    for (signs[0] = 0; signs[0] < assignments; ++signs[0])
      if (std::abs(signed_sum(d, signs)) >= bound) ++reached;
    return {mean_of(d), static_cast<double>(reached) / static_cast<double>(assignments)};
  }
  Rng rng(options.seed);
  for (int64_t i = 0; i < options.permutations; ++i) {
    for (auto& word : signs) word = rng.next();
    if (std::abs(signed_sum(d, signs)) >= bound) ++reached;
  }
  return {mean_of(d), static_cast<double>(reached + 1) / static_cast<double>(options.permutations + 1)};
}

std::vector<double> bonferroni(std::span<const double> p) {
  std::vector<double> corrected;
  for (const double value : p) corrected.push_back(std::min(1.0, value * static_cast<double>(p.size())));
  return corrected;
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [p](size_t a, size_t b) { return p[a] < p[b]; });
  std::vector<double> corrected(p.size());
  double highest = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    highest = std::max(highest, std::min(1.0, p[order[i]] * static_cast<double>(p.size() - i)));
    corrected[order[i]] = highest;
  }
  return corrected;
}

}  // namespace coppice
