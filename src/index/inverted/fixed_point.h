#pragma once
// Scores as whole numbers. A query's scores are sums over its terms; floating-point sums would depend on the order of
// the terms, which pruned search changes from window to window. So every contribution is rounded to a multiple of one
// unit, a power of two chosen for the query so that no document can reach 2^24 units: sums are then exact in any
// order, and exact again as floats. Against real arithmetic a score is off by at most half a unit a term.

#include <cmath>
#include <cstdint>

namespace coppice {

class FixedPoint {
 public:
  // `highest` is a bound of the sum over `terms` contributions; positive and finite.
  FixedPoint(double highest, size_t terms) {
    const double room = 0x1.0p24 - 2 - static_cast<double>(terms);
    exponent_ = static_cast<int>(std::floor(std::log2(room / highest)));
  }

  // A weight in units: what kernels multiply with.
  float units(double weight) const { return static_cast<float>(std::ldexp(weight, exponent_)); }
  float score(int32_t units) const { return std::ldexp(static_cast<float>(units), -exponent_); }
  double in_units(double score) const { return std::ldexp(score, exponent_); }

 private:
  int exponent_;
};

}  // namespace coppice
