#include "model/router.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "base/profile.h"

namespace coppice {

namespace {

// An expert or a group, the higher key first and of equal ones the lower index.
using Ranked = std::pair<float, int32_t>;

void best_first(std::vector<Ranked>& ranked, int64_t count) {
  std::partial_sort(ranked.begin(), ranked.begin() + count, ranked.end());
  ranked.resize(static_cast<size_t>(count));
}

// What a group counts for among groups, its experts' keys negated.
float group_key(GroupRule rule, std::vector<Ranked> experts) {
  best_first(experts, rule == GroupRule::best_two ? 2 : 1);
  return rule == GroupRule::best_two ? experts[0].first + experts[1].first : experts[0].first;
}

}  // namespace

std::vector<int32_t> select_experts(const RouterSpec& router, std::span<const float> scores,
                                    std::span<const float> bias, int64_t k) {
  // A score that is not a number loses against every number, so that the selection is the same on every
  // machine.
  const auto key = [&](size_t e) {
    const float score = bias.empty() ? scores[e] : scores[e] + bias[e];
    return std::isnan(score) ? -std::numeric_limits<float>::infinity() : score;
  };
  const size_t groups = router.group_rule == GroupRule::none ? 1 : static_cast<size_t>(router.groups);
  const size_t size = scores.size() / groups;
  const auto group = [&](size_t g) {
    std::vector<Ranked> experts;
    for (size_t e = g * size; e < (g + 1) * size; ++e) experts.emplace_back(-key(e), static_cast<int32_t>(e));
    return experts;
  };
  std::vector<Ranked> order;
  const auto append = [&order](const std::vector<Ranked>& experts) {
    order.insert(order.end(), experts.begin(), experts.end());
  };
  switch (router.group_rule) {
    case GroupRule::none:
      order = group(0);
      break;
    case GroupRule::each:
      for (size_t g = 0; g < groups; ++g) {
        auto experts = group(g);
        best_first(experts, k / router.groups);
        append(experts);
      }
      break;
    case GroupRule::best:
    case GroupRule::best_two: {
      std::vector<Ranked> ranked;
      for (size_t g = 0; g < groups; ++g)
        ranked.emplace_back(group_key(router.group_rule, group(g)), static_cast<int32_t>(g));
      best_first(ranked, router.kept_groups);
      for (const auto& [ignored, g] : ranked) append(group(static_cast<size_t>(g)));
      break;
    }
  }
  best_first(order, k);
  std::vector<int32_t> selected;
  for (const auto& [ignored, expert] : order) selected.push_back(expert);
  std::sort(selected.begin(), selected.end());
  return selected;
}

namespace {

// Means and variances of every column of each expert's up projection: twice one row per expert.
std::vector<float> column_statistics(const Router::BankOf& bank_of, size_t experts) {
  const auto width = static_cast<size_t>(bank_of(0).up.columns);
  std::vector<float> statistics(2 * experts * width);
  for (size_t e = 0; e < experts; ++e) {
    const Matrix& up = bank_of(static_cast<int64_t>(e)).up;
    std::vector<float> row(width);
    std::vector<double> sum(width), squares(width);
    for (int64_t neuron = 0; neuron < up.rows; ++neuron) {
      copy_row(up, neuron, row.data());
      for (size_t i = 0; i < width; ++i) sum[i] += row[i], squares[i] += static_cast<double>(row[i]) * row[i];
    }
    const auto count = static_cast<double>(up.rows);
    for (size_t i = 0; i < width; ++i) {
      const double mean = sum[i] / count;
      statistics[e * width + i] = static_cast<float>(mean);
      statistics[(experts + e) * width + i] =
          static_cast<float>(std::max(0.0, squares[i] / count - mean * mean));
    }
  }
  return statistics;
}

}  // namespace

Router::Router(const MoeSpec& spec, const BankOf& bank_of, WeightStore& weights, const std::string& prefix)
    : spec_(spec.router),
      experts_(spec.experts()),
      unit_(unit_of(spec.activation)),
      word_experts_(spec.router.word_blocks) {
  switch (spec_.source) {
    case RouterSource::linear:
      first_ = weights.in_rows(prefix + "weight");
      break;
    case RouterSource::mlp_tanh:
      first_ = weights.in_rows(prefix + "hidden.weight");
      second_ = weights.in_rows(prefix + "output.weight");
      break;
    case RouterSource::neurons:
      first_ = weights.in_rows(prefix + "gate.weight");
      second_ = weights.in_rows(prefix + "up.weight");
      break;
    case RouterSource::sparsity:
      column_statistics_ = column_statistics(bank_of, static_cast<size_t>(experts_));
      first_ = {.data = column_statistics_.data(),
                .rows = experts_,
                .columns = static_cast<int64_t>(column_statistics_.size()) / (2 * experts_)};
      second_ = first_;
      second_.data = column_statistics_.data() + first_.rows * first_.columns;
      break;
    case RouterSource::word:
      break;
  }
  if (spec_.score == RouterScore::relu_norm) norm_ = weights.vector(prefix + "norm.weight");
  if (has_expert_scale(spec_)) expert_scale_ = weights.vector(prefix + "scale");
  if (spec_.selection_bias) selection_bias_ = weights.vector(prefix + "selection_bias");
}

void Router::compute_logits(const Pass& pass, const float* x) {
  static const std::vector<float> no_bias;
  const auto size = static_cast<size_t>(pass.rows * experts_);
  logits_.resize(size);
  if (spec_.source == RouterSource::linear) {
    const LinearJob jobs[] = {{first_, no_bias, x, logits_.data()}};
    return run_linear(pass.kernels, jobs, pass.rows);
  }
  hidden_.resize(size);
  if (spec_.source == RouterSource::sparsity) return estimate_sparsity(pass, x);
  if (spec_.source == RouterSource::mlp_tanh) {
    const LinearJob hidden[] = {{first_, no_bias, x, hidden_.data()}};
    run_linear(pass.kernels, hidden, pass.rows);
    for (float& value : hidden_) value = std::tanh(value);
    const LinearJob output[] = {{second_, no_bias, hidden_.data(), logits_.data()}};
    return run_linear(pass.kernels, output, pass.rows);
  }
  const LinearJob jobs[] = {{first_, no_bias, x, logits_.data()}, {second_, no_bias, x, hidden_.data()}};
  run_linear(pass.kernels, jobs, pass.rows);
  pass.kernels.activate(unit_, logits_.data(), hidden_.data(), static_cast<int64_t>(size));
  for (float& value : logits_) value = std::abs(value);
}

void Router::estimate_sparsity(const Pass& pass, const float* x) {
  static const std::vector<float> no_bias;
  squares_.assign(x, x + pass.rows * pass.width);
  for (float& value : squares_) value *= value;
  const LinearJob jobs[] = {{first_, no_bias, x, logits_.data()},
                            {second_, no_bias, squares_.data(), hidden_.data()}};
  run_linear(pass.kernels, jobs, pass.rows);
  for (size_t i = 0; i < logits_.size(); ++i)
    logits_[i] = -0.5f * std::erfc(-logits_[i] / std::sqrt(2 * (hidden_[i] + sparsity_least_variance)));
}

void Router::score(const Pass& pass, std::span<float> scores) const {
  switch (spec_.score) {
    case RouterScore::softmax:
      pass.kernels.softmax(scores.data(), experts_);
      break;
    case RouterScore::sigmoid:
      for (float& score : scores) score = 1 / (1 + std::exp(-score));
      break;
    case RouterScore::relu_norm:
      for (float& score : scores) score = std::max(score, 0.0f);
      pass.kernels.rms_norm(scores.data(), norm_.data(), experts_, static_cast<float>(spec_.norm_epsilon),
                            scores.data());
      break;
    case RouterScore::none:
      break;
  }
}

namespace {

// The weights of `selected` experts by the rule of survivors; `keys` say which is best.
std::vector<float> survivor_weights(std::span<const float> scores, std::span<const float> bias,
                                    const std::vector<int32_t>& selected, double jitter) {
  std::vector<size_t> order(selected.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto key = [&](size_t i) {
    const auto e = static_cast<size_t>(selected[i]);
    return bias.empty() ? scores[e] : scores[e] + bias[e];
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) > key(b); });
  std::vector<float> weights(selected.size());
  std::vector<bool> taken(scores.size(), false);
  const float distance = static_cast<float>(2 * jitter);
  for (const size_t i : order) {
    const auto own = static_cast<size_t>(selected[i]);
    float total = 0;
    for (size_t e = 0; e < scores.size(); ++e)
      if (!taken[e] && !(scores[own] - scores[e] > distance * std::max(std::abs(scores[e]), scores[own])))
        total += std::exp(scores[e] - scores[own]);
    weights[i] = 1 / total;
    taken[own] = true;
  }
  return weights;
}

}  // namespace

void Router::choose(const Pass& pass, int64_t row, int64_t top_k, Choice* choices) {
  const std::span<float> scores(logits_.data() + row * experts_, static_cast<size_t>(experts_));
  score(pass, scores);
  const auto selected = select_experts(spec_, scores, selection_bias_, top_k);
  std::vector<float> survived;
  if (spec_.weight == ExpertWeight::survivors)
    survived = survivor_weights(scores, selection_bias_, selected, spec_.jitter);
  float total = 0;
  for (const int32_t expert : selected) total += scores[static_cast<size_t>(expert)];
  total += static_cast<float>(spec_.sum_epsilon);
  for (size_t i = 0; i < selected.size(); ++i) {
    const int32_t expert = selected[i];
    const auto e = static_cast<size_t>(expert);
    float weight = 1;
    if (spec_.weight == ExpertWeight::survivors) weight = survived[i];
    if (spec_.weight == ExpertWeight::score) weight = scores[e];
    if (spec_.weight == ExpertWeight::renormalised) weight = total != 0 ? scores[e] / total : 0;
    if (spec_.weight == ExpertWeight::one_plus) weight = 1 + scores[e] * expert_scale_[e];
    if (spec_.weight == ExpertWeight::scaled) weight = scores[e] * expert_scale_[e];
    *choices++ = {expert, weight * static_cast<float>(spec_.scale)};
  }
}

std::vector<Choice> Router::route_words(const Pass& pass) const {
  if (static_cast<int64_t>(pass.words.size()) != pass.rows)
    throw Error({.where = "router",
                 .found = fmt::format("{} routing ids", pass.words.size()),
                 .expected = fmt::format("one for each of {} tokens", pass.rows)});
  std::vector<Choice> choices;
  std::vector<float> experts;
  for (const int32_t word : pass.words) {
    choices.push_back({word_experts_.expert(word), 1});
    experts.push_back(static_cast<float>(choices.back().expert));
  }
  pass.report("router.expert", 1, experts.data());
  return choices;
}

std::vector<Choice> Router::route(const Pass& pass, const float* x, int64_t top_k) {
  const ProfiledPart timed(Part::router);
  if (spec_.source == RouterSource::word) return route_words(pass);
  compute_logits(pass, x);
  pass.report("router.logits", experts_, logits_.data());
  std::vector<Choice> choices(static_cast<size_t>(pass.rows * top_k));
  constexpr int64_t rows_per_task = 64;
  parallel_for(pass.rows, rows_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) choose(pass, row, top_k, choices.data() + row * top_k);
  });
  return choices;
}

}  // namespace coppice
