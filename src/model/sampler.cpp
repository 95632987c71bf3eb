#include "model/sampler.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"

namespace coppice {

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history) {
  std::vector<Candidate> candidates;
  candidates.reserve(logits.size());
  bool finite = false;
  for (size_t id = 0; id < logits.size(); ++id) {
    if (std::isnan(logits[id]) || logits[id] == std::numeric_limits<float>::infinity())
      throw Error({.where = "logits",
                   .found = fmt::format("{} for token {}", logits[id], id),
                   .expected = "finite numbers",
                   .advice = "the weights are damaged or do not fit the configuration"});
    finite = finite || std::isfinite(logits[id]);
    candidates.push_back({.id = static_cast<int32_t>(id), .logit = static_cast<double>(logits[id])});
  }
  if (!finite) throw Error({.where = "logits", .found = "no finite one"});

  if (options_.repeat_penalty != 1) {
    const std::set<int32_t> seen(history.begin(), history.end());
    for (const int32_t id : seen) {
      if (id < 0 || static_cast<size_t>(id) >= candidates.size()) continue;
      double& logit = candidates[static_cast<size_t>(id)].logit;
      logit = logit > 0 ? logit / options_.repeat_penalty : logit * options_.repeat_penalty;
    }
  }
  if (options_.temp > 0) return draw(std::move(candidates));
  return std::max_element(candidates.begin(), candidates.end(),
                          [](const Candidate& a, const Candidate& b) { return a.logit < b.logit; })
      ->id;
}

int32_t Sampler::draw(std::vector<Candidate> candidates) {
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  if (options_.top_k > 0 && static_cast<size_t>(options_.top_k) < candidates.size()) {
    const auto end = candidates.begin() + options_.top_k;
    std::partial_sort(candidates.begin(), end, candidates.end(), likelier);
    candidates.erase(end, candidates.end());
  } else {
    std::sort(candidates.begin(), candidates.end(), likelier);
  }
  double total = 0;
  const double highest = candidates.front().logit;
  for (auto& candidate : candidates) {
    candidate.probability = std::exp((candidate.logit - highest) / options_.temp);
    total += candidate.probability;
  }
  // The most likely candidate always stays.
  size_t kept = 0;
  double mass = 0;
  while (kept < candidates.size() && (kept == 0 || mass < options_.top_p * total))
    mass += candidates[kept++].probability;
  while (kept > 1 && candidates[kept - 1].probability < options_.min_p * candidates.front().probability)
    mass -= candidates[--kept].probability;

  double mark = rng_.uniform() * mass;
  for (size_t i = 0; i + 1 < kept; ++i) {
    mark -= candidates[i].probability;
    if (mark < 0) return candidates[i].id;
  }
  return candidates[kept - 1].id;
}

}  // namespace coppice
