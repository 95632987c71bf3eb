#include "model/moe.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace coppice {

Moe::Moe(const MoeSpec& spec, WeightStore& weights, const std::string& prefix) : spec_(spec) {
  const bool indexed = spec.storage == ExpertStorage::indexed;
  if (indexed) banks_.push_back(load_bank(weights, prefix, spec.gated, false, spec.activation, true));
  for (int64_t e = 0; e < experts(); ++e) {
    if (indexed)
      neurons_.push_back(weights.rows(fmt::format("{}expert_neurons.{}", prefix, e), spec.dense_width));
    else
      banks_.push_back(
          load_bank(weights, fmt::format("{}experts.{}.", prefix, e), spec.gated, false, spec.activation));
  }
  if (spec.shared_width > 0)
    shared_ = std::make_unique<FfnBank>(
        load_bank(weights, prefix + "shared_expert.", spec.gated, false, spec.activation));
  if (spec.shared_gate) shared_gate_ = weights.in_rows(prefix + "shared_expert_gate.weight");
  router_.emplace(spec, banks_, weights, prefix + "gate.");
}

FfnJob Moe::job_of(int64_t expert) const {
  if (neurons_.empty()) return {.bank = &banks_[static_cast<size_t>(expert)]};
  return {.bank = &banks_.front(), .neurons = neurons_[static_cast<size_t>(expert)]};
}

// The factor of the shared expert's output for each row; empty if it always counts fully.
std::vector<float> Moe::shared_weights(const Pass& pass, const float* x) const {
  std::vector<float> weights(static_cast<size_t>(pass.rows * shared_gate_.rows));
  if (weights.empty()) return weights;
  static const std::vector<float> no_bias;
  const LinearJob jobs[] = {{shared_gate_, no_bias, x, weights.data()}};
  run_linear(pass.kernels, jobs, pass.rows);
  for (float& weight : weights) weight = 1 / (1 + std::exp(-weight));
  return weights;
}

// Choices in the order of their experts, so that an expert's rows lie together; the work does not grow with the number
// of experts.
void Moe::forward(const Pass& pass, const float* x, float* y, ExpertLoad& load) {
  const auto choices = router_->route(pass, x, spec_.top_k);
  std::vector<size_t> order;
  for (size_t i = 0; i < choices.size(); ++i)
    if (choices[i].weight != 0) order.push_back(i);  // else it is not worth reading the expert for
  std::ranges::stable_sort(order, {}, [&](size_t i) { return choices[i].expert; });
  std::vector<int32_t> rows;
  std::vector<float> weights;
  for (const size_t i : order) {
    rows.push_back(static_cast<int32_t>(static_cast<int64_t>(i) / spec_.top_k));
    weights.push_back(choices[i].weight);
  }
  std::vector<FfnJob> jobs;
  const auto shared = shared_weights(pass, x);
  if (shared_) jobs.push_back({.bank = shared_.get(), .weights = shared});
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    const int32_t expert = choices[order[begin]].expert;
    while (end < order.size() && choices[order[end]].expert == expert) ++end;
    load.tokens[static_cast<size_t>(expert)] += static_cast<int64_t>(end - begin);
    if (spec_.widths[static_cast<size_t>(expert)] == 0) continue;
    FfnJob job = job_of(expert);
    job.rows = std::span(rows).subspan(begin, end - begin);
    job.weights = std::span(weights).subspan(begin, end - begin);
    jobs.push_back(job);
  }
  run_ffn(pass, jobs, x, y);
}

int64_t Moe::bytes_per_token(const ExpertLoad& load) const {
  const int64_t choices = std::accumulate(load.tokens.begin(), load.tokens.end(), int64_t{0});
  double neurons = 0;
  for (int64_t e = 0; e < experts(); ++e) {
    const auto i = static_cast<size_t>(e);
    const double share = choices > 0 ? static_cast<double>(load.tokens[i]) / static_cast<double>(choices)
                                     : 1.0 / static_cast<double>(experts());
    neurons += share * static_cast<double>(spec_.top_k * spec_.widths[i]);
  }
  double per_neuron = 0;
  for (const auto& bank : banks_)
    if (bank.up.rows > 0) per_neuron = static_cast<double>(bank.bytes_per_neuron());
  const int64_t shared =
      (shared_ ? shared_->bytes_per_neuron() * shared_->up.rows : 0) + shared_gate_.bytes();
  return std::llround(neurons * per_neuron) + shared + router_->bytes();
}

}  // namespace coppice
