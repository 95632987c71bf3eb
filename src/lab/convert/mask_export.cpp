#include "lab/convert/mask_export.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace coppice::lab {

double learned_width(const torch::Tensor& logits) {
  return (1 - torch::exp(-torch::exp(logits.to(torch::kFloat64)))).sum(1).max().item<double>();
}

std::vector<int64_t> allocate_widths(const std::vector<double>& learned, const std::vector<int64_t>& capacity,
                                     int64_t budget) {
  COPPICE_CHECK(learned.size() == capacity.size());
  const size_t n = learned.size();
  // The scale at which clamped widths add up to the budget, by bisection; the sum never falls as the scale grows.
  auto wanted = [&](double scale, size_t i) {
    return std::clamp(learned[i] * scale, 1.0, static_cast<double>(capacity[i]));
  };
  auto sum_at = [&](double scale) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += wanted(scale, i);
    return sum;
  };
  double low = 0, high = 1;
  while (sum_at(high) < static_cast<double>(budget) && high < 1e18) high *= 2;
  for (int round = 0; round < 200; ++round) {
    const double middle = (low + high) / 2;
    (sum_at(middle) < static_cast<double>(budget) ? low : high) = middle;
  }
  std::vector<int64_t> widths(n);
  std::vector<std::pair<double, size_t>> remainders;
  for (size_t i = 0; i < n; ++i) {
    const double exact = wanted(high, i);
    widths[i] = static_cast<int64_t>(exact);
    if (widths[i] < capacity[i]) remainders.emplace_back(static_cast<double>(widths[i]) - exact, i);
  }
  std::stable_sort(remainders.begin(), remainders.end());
  int64_t missing = budget - std::accumulate(widths.begin(), widths.end(), int64_t{0});
  for (size_t i = 0; i < remainders.size() && missing > 0; ++i, --missing) ++widths[remainders[i].second];
  return widths;
}

std::vector<NeuronSet> expert_neurons(const torch::Tensor& logits, int64_t width) {
  std::vector<NeuronSet> experts;
  for (int64_t e = 0; e < logits.size(0); ++e) experts.push_back(top_neurons(logits[e], width));
  return experts;
}

torch::Tensor masks_of(const std::vector<NeuronSet>& experts, int64_t neurons) {
  torch::Tensor masks = torch::zeros({static_cast<int64_t>(experts.size()), neurons});
  for (size_t e = 0; e < experts.size(); ++e)
    masks[static_cast<int64_t>(e)].index_fill_(0, torch::tensor(experts[e], torch::kInt64), 1);
  return masks;
}

double coverage(const std::vector<NeuronSet>& experts, int64_t neurons) {
  return std::get<0>(masks_of(experts, neurons).max(0)).mean().item<double>();
}

}  // namespace coppice::lab
