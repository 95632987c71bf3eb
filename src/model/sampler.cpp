#include "model/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"

namespace coppice {
namespace {

struct Candidate {
  int32_t id = 0;
  float logit = 0;
  double probability = 0;
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// Whole numbers in the order of the floats, NaN beyond both ends, so that the loops over a vocabulary become vector code.
int32_t order_of(float value) {
  const auto bits = std::bit_cast<int32_t>(value);
  return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

// The logits in blocks, with the largest of each, so that few of them are looked at more than once.
class Ranking {
 public:
  explicit Ranking(std::span<const float> logits) : logits_(logits) {
    constexpr int32_t infinite = 0x7F800000;
    int32_t lowest = infinite;
    for (size_t begin = 0; begin < logits.size(); begin += block) {
      int32_t high = order_of(-std::numeric_limits<float>::infinity());
      const size_t end = std::min(begin + block, logits.size());
      for (size_t i = begin; i < end; ++i) {
        const int32_t order = order_of(logits[i]);
        high = std::max(high, order);
        lowest = std::min(lowest, order);
      }
      highest_.push_back(high);
    }
    best_ = highest_.empty() ? lowest : *std::max_element(highest_.begin(), highest_.end());
    if (best_ >= infinite || lowest < order_of(-std::numeric_limits<float>::infinity())) throw_bad();
    if (best_ == order_of(-std::numeric_limits<float>::infinity()))
      throw Error({.where = "logits", .found = "no finite one"});
  }

  float highest() const { return std::bit_cast<float>(best_ ^ ((best_ >> 31) & 0x7FFFFFFF)); }

  // The lowest id of the highest logit.
  int32_t first_highest() const {
    const auto found = std::find(highest_.begin(), highest_.end(), best_) - highest_.begin();
    size_t id = static_cast<size_t>(found) * block;
    while (logits_[id] != highest()) ++id;
    return static_cast<int32_t>(id);
  }

  // All of at least `least`, by id.
  std::vector<Candidate> from(float least) const {
    std::vector<Candidate> found;
    const int32_t order = order_of(least);
    for (size_t b = 0; b < highest_.size(); ++b) {
      if (highest_[b] < order) continue;
      for (size_t i = b * block; i < std::min((b + 1) * block, logits_.size()); ++i)
        if (logits_[i] >= least) found.push_back({static_cast<int32_t>(i), logits_[i]});
    }
    return found;
  }

  // The `count` highest in order.
  std::vector<Candidate> top(int64_t count) const {
    float least = -std::numeric_limits<float>::infinity();
    // The count-th highest block holds something above the bound, and so do those before it.
    if (static_cast<size_t>(count) <= highest_.size()) {
      std::vector<int32_t> sorted = highest_;
      const auto nth = sorted.begin() + (count - 1);
      std::nth_element(sorted.begin(), nth, sorted.end(), std::greater<>());
      least = std::bit_cast<float>(*nth ^ ((*nth >> 31) & 0x7FFFFFFF));
    }
    auto found = from(least);
    if (static_cast<size_t>(count) < found.size()) {
      std::partial_sort(found.begin(), found.begin() + count, found.end(), likelier);
      found.resize(static_cast<size_t>(count));
    } else {
      std::sort(found.begin(), found.end(), likelier);
    }
    return found;
  }

  std::vector<Candidate> all() const {
    auto found = from(-std::numeric_limits<float>::infinity());
    std::sort(found.begin(), found.end(), likelier);
    return found;
  }

 private:
  static constexpr size_t block = 256;

  [[noreturn]] void throw_bad() const {
    size_t id = 0;
    while (id + 1 < logits_.size() && !std::isnan(logits_[id]) &&
           logits_[id] != std::numeric_limits<float>::infinity())
      ++id;
    throw Error({.where = "logits",
                 .found = fmt::format("{} for token {}", logits_[id], id),
                 .expected = "finite numbers",
                 .advice = "the weights are damaged or do not fit the configuration"});
  }

  std::span<const float> logits_;
  std::vector<int32_t> highest_;
  int32_t best_ = 0;
};

bool has_penalties(const SamplerOptions& options) {
  return options.repeat_last_n != 0 &&
         (options.repeat_penalty != 1 || options.presence_penalty != 0 || options.frequency_penalty != 0);
}

void penalise(const SamplerOptions& options, std::span<const int32_t> history, std::vector<float>& logits) {
  if (options.repeat_last_n >= 0)
    history = history.last(std::min(history.size(), static_cast<size_t>(options.repeat_last_n)));
  std::map<int32_t, int64_t> seen;
  for (const int32_t id : history)
    if (id >= 0 && static_cast<size_t>(id) < logits.size()) ++seen[id];
  for (const auto& [id, times] : seen) {
    float& kept = logits[static_cast<size_t>(id)];
    const auto logit = static_cast<double>(kept);
    const double divided = logit > 0 ? logit / options.repeat_penalty : logit * options.repeat_penalty;
    kept = static_cast<float>(divided - options.presence_penalty -
                              options.frequency_penalty * static_cast<double>(times));
  }
}

// Those that top-k and min-p may leave, in order; enough of them to tell what top-p keeps.
std::vector<Candidate> shortlist(const SamplerOptions& options, const Ranking& ranking, size_t vocabulary) {
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < vocabulary) return ranking.top(options.top_k);
  // All of them count for top-p; for min-p alone those below it are not needed.
  if (options.top_p < 1 || options.min_p <= 0) return ranking.all();
  const double least = static_cast<double>(ranking.highest()) + options.temp * std::log(options.min_p / 2);
  auto found = ranking.from(static_cast<float>(least));
  std::sort(found.begin(), found.end(), likelier);
  return found;
}

void keep_typical(double share, std::vector<Candidate>& candidates, double& mass) {
  double expected = 0;
  for (const auto& c : candidates)
    if (c.probability > 0) expected -= c.probability / mass * std::log(c.probability / mass);
  const auto distance = [&](const Candidate& c) {
    return std::abs(-std::log(c.probability / mass) - expected);
  };
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const Candidate& a, const Candidate& b) { return distance(a) < distance(b); });
  size_t kept = 0;
  double reached = 0;
  while (kept < candidates.size() && (kept == 0 || reached < share * mass))
    reached += candidates[kept++].probability;
  candidates.resize(kept);
  std::sort(candidates.begin(), candidates.end(), likelier);
  mass = reached;
}

}  // namespace

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history) {
  return draw(distribution(logits, history));
}

Distribution Sampler::distribution(std::span<const float> logits, std::span<const int32_t> history) const {
  std::vector<float> penalised;
  if (has_penalties(options_)) {
    penalised.assign(logits.begin(), logits.end());
    penalise(options_, history, penalised);
    logits = penalised;
  }
  const Ranking ranking(logits);
  if (options_.temp <= 0) return {{ranking.first_highest(), 1}};

  auto candidates = shortlist(options_, ranking, logits.size());
  double total = 0;
  const auto highest = static_cast<double>(ranking.highest());
  for (auto& candidate : candidates) {
    candidate.probability = std::exp((static_cast<double>(candidate.logit) - highest) / options_.temp);
    total += candidate.probability;
  }
  // The most likely candidate always stays.
  size_t kept = 0;
  double mass = 0;
  while (kept < candidates.size() && (kept == 0 || mass < options_.top_p * total))
    mass += candidates[kept++].probability;
  while (kept > 1 && candidates[kept - 1].probability < options_.min_p * candidates.front().probability)
    mass -= candidates[--kept].probability;
  candidates.resize(kept);
  if (options_.typical_p < 1) keep_typical(options_.typical_p, candidates, mass);

  Distribution result;
  for (const auto& candidate : candidates)
    if (candidate.probability > 0) result.push_back({candidate.id, candidate.probability / mass});
  return result;
}

int32_t Sampler::draw(const Distribution& distribution) {
  if (distribution.size() == 1) {
    if (options_.temp > 0) rng_.uniform();  // one draw per token, whatever is left to choose from
    return distribution.front().id;
  }
  double mark = rng_.uniform();
  for (const auto& token : distribution) {
    mark -= token.probability;
    if (mark < 0) return token.id;
  }
  return distribution.back().id;
}

int32_t Sampler::draw(const Distribution& target, int32_t guess, const Distribution& guessed) {
  const auto chance_in = [](const Distribution& distribution, int32_t id) {
    for (const auto& token : distribution)
      if (token.id == id) return token.probability;
    return 0.0;
  };
  const double wanted = chance_in(target, guess), had = chance_in(guessed, guess);
  if (wanted >= had || rng_.uniform() * had < wanted) return guess;
  std::map<int32_t, double> offered;
  for (const auto& token : guessed) offered[token.id] = token.probability;
  Distribution rest;
  double mass = 0;
  for (const auto& token : target) {
    const auto found = offered.find(token.id);
    const double above = token.probability - (found == offered.end() ? 0 : found->second);
    if (above <= 0) continue;
    rest.push_back({token.id, above});
    mass += above;
  }
  // Rounding alone can leave nothing, where the two are equal.
  if (rest.empty()) return draw(target);
  for (auto& token : rest) token.probability /= mass;
  return draw(rest);
}

Sampler Sampler::fork(std::string_view purpose) const {
  Sampler other = *this;
  other.rng_ = rng_.fork(purpose);
  return other;
}

}  // namespace coppice
