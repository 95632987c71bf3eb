#pragma once
// Whether two runs differ by more than chance, from their values on the same queries.

#include <cstdint>
#include <span>
#include <vector>

namespace coppice {

// I_x(a, b), the regularised incomplete beta function, a and b above 0, x in [0, 1]; by its continued fraction
// (Abramowitz and Stegun 26.5.8) with Lentz's method.
double regularised_incomplete_beta(double a, double b, double x);

struct TestResult {
  double statistic = 0;  // t; or the mean difference
  double p = 1;          // two-sided
};

// Student's t-test of the paired differences a - b: t = mean / (s / sqrt(n)) with n - 1 degrees of freedom. Fewer than two
// queries say nothing (p = 1); equal differences other than 0 are certain (p = 0).
TestResult paired_t_test(std::span<const double> a, std::span<const double> b);

struct RandomisationOptions {
  int64_t permutations = 100000;
  uint64_t seed = 1;
};

// Fisher's randomisation test of the paired differences: p is the share of sign assignments whose mean difference is at
// least as far from 0. All 2^n assignments if they are not more than `permutations`; else so many random ones, the
// observed one counted among them (so that p is never 0).
TestResult paired_randomisation_test(std::span<const double> a, std::span<const double> b,
                                     const RandomisationOptions& options = {});

// Corrections of p values for as many comparisons as there are; in the order given, at most 1.
std::vector<double> bonferroni(std::span<const double> p);
// Holm, A simple sequentially rejective multiple test procedure, 1979.
std::vector<double> holm(std::span<const double> p);

}  // namespace coppice
