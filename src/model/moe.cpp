#include "model/moe.h"

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

void Moe::forward(const Pass& pass, const float* x, float* y, ExpertLoad& load) {
  const auto choices = router_->route(pass, x, spec_.top_k);
  const auto count = static_cast<size_t>(experts());
  std::vector<std::vector<int32_t>> rows(count);
  std::vector<std::vector<float>> weights(count);
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].weight == 0) continue;  // not worth reading the expert for
    const auto expert = static_cast<size_t>(choices[i].expert);
    rows[expert].push_back(static_cast<int32_t>(static_cast<int64_t>(i) / spec_.top_k));
    weights[expert].push_back(choices[i].weight);
  }
  std::vector<FfnJob> jobs;
  const auto shared = shared_weights(pass, x);
  if (shared_) jobs.push_back({.bank = shared_.get(), .weights = shared});
  for (size_t e = 0; e < count; ++e) {
    load.tokens[e] += static_cast<int64_t>(rows[e].size());
    if (rows[e].empty() || spec_.widths[e] == 0) continue;
    FfnJob job = job_of(static_cast<int64_t>(e));
    job.rows = rows[e];
    job.weights = weights[e];
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
