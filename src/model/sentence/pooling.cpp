#include "model/sentence/pooling.h"

#include <algorithm>
#include <cmath>

namespace coppice {
namespace {

// The sum of the rows from `skip` on, row t (from 1) times t if weighted, divided by the sum of weights or
// its root.
std::vector<float> mean_of(std::span<const float> states, int64_t width, int64_t skip, bool weighted,
                           bool root) {
  const auto columns = static_cast<size_t>(width);
  std::vector<double> sum(columns);
  double weights = 0;
  for (size_t t = static_cast<size_t>(skip); t < states.size() / columns; ++t) {
    const double weight = weighted ? static_cast<double>(t + 1) : 1;
    for (size_t i = 0; i < columns; ++i) sum[i] += weight * static_cast<double>(states[t * columns + i]);
    weights += weight;
  }
  std::vector<float> mean(columns);
  const double divisor = root ? std::sqrt(weights) : weights;
  for (size_t i = 0; i < columns && divisor > 0; ++i) mean[i] = static_cast<float>(sum[i] / divisor);
  return mean;
}

}  // namespace

std::vector<float> pool_tokens(Pooling pooling, std::span<const float> states, int64_t width, int64_t skip) {
  const auto columns = static_cast<size_t>(width);
  const int64_t tokens = static_cast<int64_t>(states.size()) / width;
  const auto row = [&](int64_t t) {
    const auto from = states.subspan(static_cast<size_t>(t) * columns, columns);
    return std::vector<float>(from.begin(), from.end());
  };
  if (tokens == 0) return std::vector<float>(columns);
  if (pooling == Pooling::cls) return row(0);
  if (skip >= tokens) return std::vector<float>(columns);
  switch (pooling) {
    case Pooling::max: {
      std::vector<float> largest = row(skip);
      for (int64_t t = skip + 1; t < tokens; ++t)
        for (size_t i = 0; i < columns; ++i)
          largest[i] = std::max(largest[i], states[static_cast<size_t>(t) * columns + i]);
      return largest;
    }
    case Pooling::mean:
      return mean_of(states, width, skip, false, false);
    case Pooling::mean_sqrt_length:
      return mean_of(states, width, skip, false, true);
    case Pooling::weighted_mean:
      return mean_of(states, width, skip, true, false);
    case Pooling::last:
      return row(tokens - 1);
    case Pooling::cls:
    case Pooling::pooler:
      break;
  }
  COPPICE_CHECK(false, "a pooling without a formula");
}

void normalize(std::span<float> x) {
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  const double length = std::max(std::sqrt(squares), 1e-12);
  for (float& value : x) value = static_cast<float>(static_cast<double>(value) / length);
}

}  // namespace coppice
