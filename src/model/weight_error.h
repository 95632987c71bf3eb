#pragma once
// What storing weights in fewer bits costs, tensor by tensor.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace coppice {

struct WeightError {
  double squares = 0, error_squares = 0, largest = 0;  // `largest` is that of |stored - true|

  void add(std::span<const float> values, std::span<const float> stored) {
    COPPICE_CHECK(values.size() == stored.size(), "as many stored as given");
    for (size_t i = 0; i < values.size(); ++i) {
      const double off = static_cast<double>(stored[i]) - values[i];
      squares += static_cast<double>(values[i]) * values[i];
      error_squares += off * off;
      largest = std::max(largest, std::fabs(off));
    }
  }
  void add(const WeightError& other) {
    squares += other.squares;
    error_squares += other.error_squares;
    largest = std::max(largest, other.largest);
  }
  // Root mean square of the error over that of the weights.
  double relative() const { return squares > 0 ? std::sqrt(error_squares / squares) : 0; }
};

struct WrittenTensor {
  std::string name, type;
  std::vector<int64_t> shape;
  int64_t bytes = 0;
  WeightError error;
};

}  // namespace coppice
