#include "index/inverted/segment_query.h"

#include <algorithm>

#include "index/inverted/inverted_writer.h"

namespace coppice {

double inverse_document_frequency(uint64_t documents, uint64_t containing) {
  const double n = static_cast<double>(containing);
  return std::log1p((static_cast<double>(documents) - n + 0.5) / (n + 0.5));
}

void InvertedStatistics::add(const InvertedIndex& index, std::span<const WeightedTerm> terms) {
  const InvertedSummary& summary = index.summary();
  COPPICE_CHECK(documents == 0 || (kind == summary.kind && unit == summary.unit));
  kind = summary.kind;
  unit = summary.unit;
  documents += static_cast<uint64_t>(summary.documents);
  total_length += static_cast<uint64_t>(summary.total_length);
  highest_value = std::max(highest_value, summary.highest_value);
  std::map<std::string_view, bool> seen;
  for (const auto& [term, weight] : terms)
    if (seen.emplace(term, true).second)
      if (const auto entry = index.find(term)) {
        Term& known = found[term];
        known.documents += entry->documents;
        known.entries.emplace_back(&index, *entry);
      }
}

QueryWeights weigh(std::span<const WeightedTerm> terms, const InvertedStatistics& statistics,
                   const Bm25& bm25, std::vector<float> lists) {
  QueryWeights query;
  query.kind = statistics.kind;
  query.bm25 = bm25;
  query.average_length = statistics.average_length();
  query.norms = bm25_norms(bm25, query.average_length);
  std::map<std::string_view, double> sums;
  for (const auto& [term, weight] : terms) {
    COPPICE_CHECK(weight > 0 && std::isfinite(weight));
    sums[term] += weight;
  }
  double highest = 0;
  for (const auto& [term, weight] : sums) {
    const auto found = statistics.found.find(term);
    if (found == statistics.found.end()) continue;
    const bool frequency = query.kind == PostingKind::frequency;
    const double factor = frequency
                              ? inverse_document_frequency(statistics.documents, found->second.documents)
                              : statistics.unit;
    const float product = static_cast<float>(weight * factor);
    if (!(product > 0)) continue;
    highest += frequency ? product : double{product} * static_cast<double>(statistics.highest_value);
    query.terms.push_back({std::string(term), product, found->second.entries});
  }
  for (const float weight : lists) highest += weight;
  if (highest > 0) query.fixed = FixedPoint(highest, query.terms.size() + lists.size());
  query.lists = std::move(lists);
  return query;
}

SegmentQuery::SegmentQuery(const InvertedIndex& index, const QueryWeights& weights)
    : kind(weights.kind),
      documents(index.documents()),
      lengths(index.lengths()),
      norms(weights.norms.data()) {
  const InvertedSummary& summary = index.summary();
  // Bounds were made with the segment's own average length a0. With another one, a, a part changes by a factor between
  // 1 and a / a0: norms are sums of a constant and a multiple of 1 / a.
  double up = 1, down = 1;
  if (kind == PostingKind::frequency) {
    bounded = weights.bm25 == summary.bm25;
    if (summary.average_length() > 0) {
      up = std::max(1.0, weights.average_length / summary.average_length());
      down = std::min(1.0, weights.average_length / summary.average_length());
    }
  }
  const double per_part = kind == PostingKind::frequency ? 1 : static_cast<double>(summary.highest_value);
  for (const auto& [text, weight, entries] : weights.terms) {
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const auto& of) { return of.first == &index; });
    if (found == entries.end()) continue;
    const TermEntry* entry = &found->second;
    TermScorer term;
    term.list = index.postings(*entry);
    term.weight = weights.fixed.units(weight);
    const double units = weights.fixed.in_units(weight) * per_part / 255;
    term.bound_unit = static_cast<float>(units * up * 1.00001);
    term.bound = static_cast<int32_t>(static_cast<float>(entry->bound) * term.bound_unit) + 1;
    for (size_t i = 0; bounded && i < kept_ranks.size(); ++i)
      term.reached[i] = static_cast<int32_t>(entry->ranked_parts[i] * units * down * 0.99999) - 1;
    terms.push_back(std::move(term));
  }
}

void SegmentQuery::add_list(std::span<const DocOrdinal> docs, std::span<const uint32_t> counts, float weight,
                            const FixedPoint& fixed) {
  COPPICE_CHECK(kind == PostingKind::frequency);
  if (docs.empty()) return;
  auto& bytes = *own_lists_.emplace_back(std::make_unique<std::vector<uint8_t>>());
  const TermEntry entry = append_postings(
      docs, counts,
      [&](size_t i) {
        const float count = static_cast<float>(counts[i]);
        return count / (count + norms[lengths[docs[i]]]);
      },
      bytes);
  bytes.resize(bytes.size() + kernels::unpack_over_read);
  TermScorer term;
  term.list = PostingList(bytes, entry, nullptr);
  term.weight = fixed.units(weight);
  term.bound_unit = static_cast<float>(fixed.in_units(weight) / 255 * 1.00001);
  term.bound = static_cast<int32_t>(static_cast<float>(entry.bound) * term.bound_unit) + 1;
  terms.push_back(std::move(term));
}

namespace {

// The k-th best document scores more than this, as one term alone shows; 0 if none does.
int32_t foreseen(const SegmentQuery& query, size_t k) {
  int32_t least = 0;
  for (size_t i = 0; i < kept_ranks.size(); ++i)
    if (k <= kept_ranks[i])
      for (const TermScorer& term : query.terms) least = std::max(least, term.reached[i] - 1);
  return least;
}

}  // namespace

std::vector<ScoredDoc> search(const SegmentQuery& query, size_t k, const DocSet* allowed, int32_t floor,
                              Pruning pruning) {
  TopK top(std::min<size_t>(k, query.documents));
  if (k == 0 || query.terms.empty()) return {};
  floor = std::max(floor, 0);
  if (!query.bounded) pruning = Pruning::none;
  if (pruning != Pruning::none && allowed == nullptr) floor = std::max(floor, foreseen(query, k));
  switch (pruning) {
    case Pruning::maxscore:
      search_maxscore(query, allowed, floor, top);
      break;
    case Pruning::wand:
      search_wand(query, allowed, floor, top);
      break;
    case Pruning::none:
      search_by_windows(query, allowed, floor, top);
      break;
  }
  return top.take();
}

}  // namespace coppice
