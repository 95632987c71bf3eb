#include "index/fuse/fusion.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace coppice {
namespace {

// Scores of one list as they count.
class Normalized {
 public:
  Normalized(std::span<const RunDoc> docs, Normalization how) {
    if (docs.empty() || how == Normalization::none) return;
    const auto n = static_cast<double>(docs.size());
    double low = docs[0].score, high = low, sum = 0, squares = 0;
    for (const auto& [doc, score] : docs) {
      low = std::min(low, score);
      high = std::max(high, score);
      sum += score;
    }
    for (const auto& [doc, score] : docs) squares += (score - sum / n) * (score - sum / n);
    const double deviation = std::sqrt(squares / n);
    offset_ = how == Normalization::minmax ? low : sum / n;
    scale_ = how == Normalization::minmax ? high - low : deviation;
    // Of equal scores all are best, and none is better than the mean.
    if (!(scale_ > 0)) offset_ = how == Normalization::minmax ? low - 1 : low;
    if (!(scale_ > 0)) scale_ = 1;
    missing_ = how == Normalization::minmax ? 0 : (low - offset_) / scale_;
  }
  double of(double score) const { return (score - offset_) / scale_; }
  double missing() const { return missing_; }

 private:
  double offset_ = 0, scale_ = 1, missing_ = 0;
};

struct Found {
  std::string_view doc;
  std::vector<std::pair<size_t, double>> places;  // rank and score in every list
};

std::vector<double> weights_of(const FusionSpec& spec, size_t lists) {
  if (spec.weights.empty()) return std::vector<double>(lists, 1.0);
  if (spec.weights.size() != lists)
    throw Error({.where = "--weights",
                 .found = fmt::format("{} weights", spec.weights.size()),
                 .expected = fmt::format("{}, one for each ranking", lists)},
                Fault::usage);
  if (std::all_of(spec.weights.begin(), spec.weights.end(), [](double w) { return w == 0; }))
    throw Error({.where = "--weights", .found = "no weight above 0"}, Fault::usage);
  return spec.weights;
}

bool fused_before(const FusedDoc& a, const FusedDoc& b) {
  return a.score != b.score ? a.score > b.score : a.doc > b.doc;
}

}  // namespace

std::vector<FusedDoc> fuse(std::span<const std::vector<RunDoc>> lists, const FusionSpec& spec, size_t k,
                           bool explain) {
  const auto weights = weights_of(spec, lists.size());
  const auto weighted = std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0; });
  std::vector<Found> found;
  std::unordered_map<std::string_view, size_t> at;
  std::vector<Normalized> normalized;
  for (size_t i = 0; i < lists.size(); ++i) {
    normalized.emplace_back(lists[i], weighted > 1 ? spec.normalized() : Normalization::none);
    if (weights[i] == 0) continue;
    for (size_t rank = 0; rank < lists[i].size(); ++rank) {
      const auto [entry, is_new] = at.try_emplace(lists[i][rank].doc, found.size());
      if (is_new) found.push_back({lists[i][rank].doc, std::vector<std::pair<size_t, double>>(lists.size())});
      found[entry->second].places[i] = {rank + 1, lists[i][rank].score};
    }
  }
  std::vector<FusedDoc> fused;
  fused.reserve(found.size());
  for (const auto& [doc, places] : found) {
    FusedDoc made = {.doc = doc, .score = 0, .parts = {}};
    double product = 1;
    for (size_t i = 0; i < lists.size(); ++i) {
      FusedPart part = {.rank = places[i].first, .score = places[i].second};
      if (weights[i] > 0) {
        part.normalized = part.rank > 0 ? normalized[i].of(part.score) : normalized[i].missing();
        if (weighted == 1)
          part.counts = part.score;
        else if (spec.method == FuseMethod::rrf)
          part.counts =
              part.rank > 0 ? weights[i] / (spec.rank_constant + static_cast<double>(part.rank)) : 0;
        else if (spec.method == FuseMethod::sum)
          part.counts = weights[i] * part.normalized;
        else
          part.counts = std::pow(std::max(0.0, part.normalized), weights[i]);
        made.score += part.counts;
        product *= part.counts;
      } else if (spec.method == FuseMethod::product) {
        part.counts = 1;
      }
      if (explain) made.parts.push_back(part);
    }
    if (spec.method == FuseMethod::product && weighted > 1) made.score = product;
    fused.push_back(std::move(made));
  }
  const auto kept = std::min(k, fused.size());
  std::partial_sort(fused.begin(), fused.begin() + static_cast<std::ptrdiff_t>(kept), fused.end(),
                    fused_before);
  fused.resize(kept);
  return fused;
}

}  // namespace coppice
