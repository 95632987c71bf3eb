#include "lab/convert/neuron_sets.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace coppice::lab {

int64_t partition_faults(const std::vector<NeuronSet>& sets, int64_t width) {
  std::vector<int64_t> seen(static_cast<size_t>(width), 0);
  for (const auto& set : sets)
    for (const int64_t neuron : set) ++seen.at(static_cast<size_t>(neuron));
  return std::count_if(seen.begin(), seen.end(), [](int64_t times) { return times != 1; });
}

std::vector<NeuronSet> random_partition(NeuronSet neurons, int64_t count, Rng& rng) {
  const auto total = static_cast<int64_t>(neurons.size());
  COPPICE_CHECK(count > 0 && total % count == 0);
  rng.shuffle(neurons);
  std::vector<NeuronSet> sets;
  for (int64_t e = 0; e < count; ++e) {
    auto& set =
        sets.emplace_back(neurons.begin() + e * (total / count), neurons.begin() + (e + 1) * (total / count));
    std::sort(set.begin(), set.end());
  }
  return sets;
}

std::vector<NeuronSet> sets_of_labels(const NeuronSet& neurons, const std::vector<int64_t>& labels,
                                      int64_t count) {
  COPPICE_CHECK(neurons.size() == labels.size());
  std::vector<NeuronSet> sets(static_cast<size_t>(count));
  for (size_t i = 0; i < neurons.size(); ++i) sets.at(static_cast<size_t>(labels[i])).push_back(neurons[i]);
  for (auto& set : sets) std::sort(set.begin(), set.end());
  return sets;
}

NeuronSet complement(const NeuronSet& set, int64_t width) {
  NeuronSet all(static_cast<size_t>(width)), rest;
  std::iota(all.begin(), all.end(), 0);
  std::set_difference(all.begin(), all.end(), set.begin(), set.end(), std::back_inserter(rest));
  return rest;
}

NeuronSet top_neurons(const torch::Tensor& scores, int64_t count) {
  const torch::Tensor flat = scores.to(torch::kFloat64).contiguous();
  const double* score = flat.data_ptr<double>();
  NeuronSet order(static_cast<size_t>(flat.numel()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [score](int64_t a, int64_t b) { return score[a] > score[b]; });
  order.resize(static_cast<size_t>(std::clamp<int64_t>(count, 0, flat.numel())));
  std::sort(order.begin(), order.end());
  return order;
}

FfnWeights FfnWeights::slice(const NeuronSet& set) const {
  const torch::Tensor index = torch::tensor(set, torch::kInt64);
  auto rows = [&index](const torch::Tensor& from) {
    return from.defined() ? from.index_select(0, index) : from;
  };
  return {.gate = rows(gate),
          .up = rows(up),
          .down = down.index_select(1, index).contiguous(),
          .gate_bias = rows(gate_bias),
          .up_bias = rows(up_bias),
          .down_bias = down_bias};
}

}  // namespace coppice::lab
