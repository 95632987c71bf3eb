#include "measure/overlap.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace coppice {
namespace {

// Pairs i < j with values[i] > values[j]; sorts the values.
int64_t sort_and_count_inversions(std::span<size_t> values, std::vector<size_t>& scratch) {
  if (values.size() < 2) return 0;
  const std::span first = values.first(values.size() / 2), second = values.subspan(values.size() / 2);
  int64_t inversions = sort_and_count_inversions(first, scratch) + sort_and_count_inversions(second, scratch);
  scratch.clear();
  size_t i = 0;
  for (const size_t value : second) {
    for (; i < first.size() && first[i] <= value; ++i) scratch.push_back(first[i]);
    inversions += static_cast<int64_t>(first.size() - i);
    scratch.push_back(value);
  }
  scratch.insert(scratch.end(), first.begin() + static_cast<std::ptrdiff_t>(i), first.end());
  std::copy(scratch.begin(), scratch.end(), values.begin());
  return inversions;
}

}  // namespace

double jaccard_at(Ranking a, Ranking b, size_t k) {
  a = a.first(std::min(k, a.size()));
  b = b.first(std::min(k, b.size()));
  const std::unordered_set<std::string_view> in_a(a.begin(), a.end());
  const auto common = static_cast<size_t>(
      std::count_if(b.begin(), b.end(), [&in_a](std::string_view doc) { return in_a.contains(doc); }));
  const size_t either = a.size() + b.size() - common;
  return either == 0 ? 1 : static_cast<double>(common) / static_cast<double>(either);
}

double rank_biased_overlap(Ranking a, Ranking b, double p) {
  const Ranking longer = a.size() >= b.size() ? a : b, shorter = a.size() >= b.size() ? b : a;
  if (shorter.empty()) return longer.empty() ? 1 : 0;
  const auto s = static_cast<double>(shorter.size()), l = static_cast<double>(longer.size());
  std::unordered_set<std::string_view> seen_long, seen_short;
  double sum = 0, weight = 1, overlap = 0, overlap_at_s = 0;
  for (size_t i = 0; i < longer.size(); ++i) {
    const bool both = i < shorter.size();
    seen_long.insert(longer[i]);
    if (both) seen_short.insert(shorter[i]);
    if (both && longer[i] == shorter[i]) {
      overlap += 1;
    } else {
      overlap += seen_short.contains(longer[i]) ? 1 : 0;
      overlap += both && seen_long.contains(shorter[i]) ? 1 : 0;
    }
    const auto depth = static_cast<double>(i + 1);
    weight *= p;
    sum += overlap / depth * weight;
    if (i + 1 == shorter.size()) overlap_at_s = overlap;
    // Beyond the shorter list, its share at its end is taken to go on.
    if (i + 1 > shorter.size()) sum += overlap_at_s * (depth - s) / (s * depth) * weight;
  }
  return (1 - p) / p * sum + ((overlap - overlap_at_s) / l + overlap_at_s / s) * weight;
}

std::optional<double> kendall_tau_of_common(Ranking a, Ranking b) {
  std::unordered_map<std::string_view, size_t> rank_in_b;
  for (size_t i = 0; i < b.size(); ++i) rank_in_b.emplace(b[i], i);
  std::vector<size_t> ranks, scratch;
  for (const auto doc : a)
    if (const auto found = rank_in_b.find(doc); found != rank_in_b.end()) ranks.push_back(found->second);
  if (ranks.size() < 2) return std::nullopt;
  const double pairs = static_cast<double>(ranks.size()) * static_cast<double>(ranks.size() - 1) / 2;
  return 1 - 2 * static_cast<double>(sort_and_count_inversions(ranks, scratch)) / pairs;
}

}  // namespace coppice
