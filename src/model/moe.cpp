#include "model/moe.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace coppice {

Moe::Moe(const MoeSpec& spec, WeightStore& weights, ExpertStore& store, const std::string& prefix)
    : spec_(spec) {
  const bool indexed = spec.storage == ExpertStorage::indexed;
  if (indexed) banks_.push_back(load_bank(weights, prefix, spec.gated, false, spec.activation, true));
  if (!indexed) store_ = &store;
  for (int64_t e = 0; e < experts(); ++e) {
    if (indexed) {
      neurons_.push_back(weights.rows(fmt::format("{}expert_neurons.{}", prefix, e), spec.dense_width));
      continue;
    }
    const FfnBank& bank = banks_.emplace_back(FfnBank{.gated = spec.gated, .unit = unit_of(spec.activation)});
    const int64_t number = store.add(expert_matrices(fmt::format("{}experts.{}.", prefix, e), spec.gated),
                                     bank.has_silent_neurons());
    if (e == 0) first_ = number;
    take_matrices(e);
  }
  if (spec.shared_width > 0)
    shared_ = std::make_unique<FfnBank>(
        load_bank(weights, prefix + "shared_expert.", spec.gated, false, spec.activation));
  if (spec.shared_gate) shared_gate_ = weights.in_rows(prefix + "shared_expert_gate.weight");
  std::optional<ExpertStore::Hold> held;
  const auto bank_of = [&](int64_t e) -> const FfnBank& {
    held.reset();
    held.emplace(hold({&e, 1}, true));
    return banks_[static_cast<size_t>(e)];
  };
  router_.emplace(spec, bank_of, weights, prefix + "gate.");
}

// The matrices of an expert, with their data if it is held.
void Moe::take_matrices(int64_t expert) {
  const auto matrices = store_->matrices(first_ + expert);
  FfnBank& bank = banks_[static_cast<size_t>(expert)];
  size_t i = 0;
  if (bank.gated) bank.gate = matrices[i++];
  bank.up = matrices[i++];
  bank.down = matrices[i];
}

ExpertStore::Hold Moe::hold(std::span<const int64_t> experts, bool all_packed) {
  std::vector<int64_t> numbers(experts.begin(), experts.end());
  for (int64_t& number : numbers) number += first_;
  auto held = store_->hold(numbers, all_packed);
  for (const int64_t expert : experts) take_matrices(expert);
  return held;
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

// Choices in the order of their experts, so that an expert's tokens lie together; the work does not grow with the number of
// experts.
Moe::Routed Moe::route(const Pass& pass, const float* x) {
  const auto choices = router_->route(pass, x, spec_.top_k);
  std::vector<size_t> order;
  for (size_t i = 0; i < choices.size(); ++i)
    if (choices[i].weight != 0) order.push_back(i);  // else it is not worth reading the expert for
  std::ranges::stable_sort(order, {}, [&](size_t i) { return choices[i].expert; });
  Routed routed;
  for (const size_t i : order) {
    const int64_t expert = choices[i].expert;
    if (routed.experts.empty() || routed.experts.back() != expert) {
      routed.experts.push_back(expert);
      routed.begin.push_back(routed.rows.size());
    }
    routed.rows.push_back(static_cast<int32_t>(static_cast<int64_t>(i) / spec_.top_k));
    routed.weights.push_back(choices[i].weight);
  }
  routed.begin.push_back(routed.rows.size());
  return routed;
}

void Moe::forward(const Pass& pass, const float* x, float* y, ExpertLoad& load,
                  const std::function<void()>& meanwhile) {
  const Routed routed = route(pass, x);
  for (size_t i = 0; i < routed.experts.size(); ++i)
    load.tokens[static_cast<size_t>(routed.experts[i])] += static_cast<int64_t>(routed.rows_of(i).size());
  std::vector<FfnJob> jobs;
  const auto shared = shared_weights(pass, x);
  if (shared_) jobs.push_back({.bank = shared_.get(), .weights = shared});
  // As many experts at a time as have room, in their order.
  size_t next = 0;
  bool goes_on = false;
  do {
    const auto left = std::span(routed.experts).subspan(next);
    const auto now = left.first(store_ != nullptr ? store_->fitting(left) : left.size());
    std::optional<ExpertStore::Hold> held;
    if (store_ != nullptr) held.emplace(hold(now));
    for (size_t i = next; i < next + now.size(); ++i) {
      const auto e = static_cast<size_t>(routed.experts[i]);
      if (spec_.widths[e] == 0) continue;
      FfnJob job{.bank = &banks_[store_ != nullptr ? e : 0],
                 .rows = routed.rows_of(i),
                 .weights = routed.weights_of(i)};
      if (store_ == nullptr) job.neurons = neurons_[e];
      jobs.push_back(job);
    }
    next += now.size();
    if (meanwhile && next == routed.experts.size()) meanwhile();
    run_ffn(pass, jobs, x, y, goes_on);
    jobs.clear();
    goes_on = true;
  } while (next < routed.experts.size());
}

void Moe::expect(const Pass& pass, const float* x) {
  if (store_ == nullptr) return;
  static const TraceSink untold;
  const Pass guess{.kernels = pass.kernels,
                   .trace = untold,
                   .slices = {},
                   .rows = pass.rows,
                   .width = pass.width,
                   .words = pass.words};
  auto experts = route(guess, x).experts;
  for (int64_t& expert : experts) expert += first_;
  store_->expect(experts);
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
