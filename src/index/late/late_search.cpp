#include "index/late/late_search.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/parallel.h"
#include "kernels/vector_isa.h"

namespace coppice {
namespace {

constexpr int64_t tokens_at_once = 64;  // decoded, they stay in the second cache
constexpr int64_t docs_per_range = 64;
constexpr float lowest = -std::numeric_limits<float>::infinity();

// Scores the documents of a range and keeps the best, in parallel.
template <class DocAt>
std::vector<ScoredDoc> best_of(const LateFile& late, const LateQuery& query, size_t k, int64_t count,
                               DocAt&& doc_at) {
  TopK all(k);
  std::mutex merging;
  parallel_for(count, docs_per_range, [&](int64_t begin, int64_t end) {
    TopK top(k);
    std::vector<float> rows, best(static_cast<size_t>(query.columns));
    for (int64_t i = begin; i < end; ++i) {
      const std::optional<DocOrdinal> doc = doc_at(i);
      if (!doc || late.tokens_in(*doc) == 0) continue;
      best_matches(late, query, *doc, rows, best);
      const float score = weighted_sum(query, best);
      top.offer(*doc, std::isnan(score) ? lowest : score);
    }
    const std::lock_guard lock(merging);
    for (const auto& [doc, score] : top.take()) all.offer(doc, score);
  });
  return all.take();
}

// Similarities of all centroids with all query tokens, (centroids, columns).
std::vector<float> centroid_scores(const LateFile& late, const LateQuery& query) {
  const auto& kernels = kernels::active_vectors();
  std::vector<float> scores(static_cast<size_t>(late.part.centroids * query.columns));
  const int64_t width = padded_dim(late.part.dim);
  parallel_for(late.part.centroids, 1024, [&](int64_t begin, int64_t end) {
    kernels.panel_product_f32({.panels = query.panels.data(),
                               .panel_count = query.columns / kernels.panel_width,
                               .dim = late.part.dim,
                               .rows = late.centroids.data() + begin * width,
                               .row_stride = width,
                               .row_count = end - begin},
                              scores.data() + begin * query.columns, query.columns);
  });
  return scores;
}

// Documents in the lists of the nprobe best centroids of every query token, ascending.
std::vector<DocOrdinal> candidates_of(const LateFile& late, const LateQuery& query,
                                      std::span<const float> scores, int64_t nprobe, const DocSet* allowed) {
  std::vector<bool> probed(static_cast<size_t>(late.part.centroids));
  for (int64_t q = 0; q < query.tokens; ++q) {
    TopK best(static_cast<size_t>(std::min(nprobe, late.part.centroids)));
    for (int64_t c = 0; c < late.part.centroids; ++c) {
      const float score = scores[static_cast<size_t>(c * query.columns + q)];
      if (score > best.threshold()) best.offer(static_cast<DocOrdinal>(c), score);
    }
    for (const auto& [centroid, score] : best.take()) probed[centroid] = true;
  }
  DocSet found(static_cast<size_t>(late.part.documents));
  for (size_t c = 0; c < probed.size(); ++c) {
    if (!probed[c]) continue;
    for (uint64_t i = late.list_begins[c]; i < late.list_begins[c + 1]; ++i)
      if (const DocOrdinal doc = late.list_docs[i]; doc < late.part.documents) found.insert(doc);
  }
  if (allowed != nullptr) found &= *allowed;
  std::vector<DocOrdinal> docs;
  found.for_each([&](DocOrdinal doc) { docs.push_back(doc); });
  return docs;
}

// The `keep` best documents by the similarities of their tokens' centroids; with `kept`, only of centroids in it.
std::vector<DocOrdinal> interact(const LateFile& late, const LateQuery& query, std::span<const float> scores,
                                 std::span<const DocOrdinal> docs, size_t keep,
                                 const std::vector<uint8_t>* kept) {
  const auto& kernels = kernels::active_vectors();
  TopK all(keep);
  std::mutex merging;
  parallel_for(static_cast<int64_t>(docs.size()), 1024, [&](int64_t begin, int64_t end) {
    TopK top(keep);
    std::vector<float> best(static_cast<size_t>(query.columns));
    std::vector<uint32_t> ids;
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      auto codes = late.codes_of(docs[i]);
      if (kept != nullptr) {
        ids.resize(codes.size());
        size_t count = 0;
        for (const uint32_t code : codes) {
          ids[count] = code;
          count += code < kept->size() && (*kept)[code];
        }
        codes = std::span(ids).first(count);
      }
      if (codes.empty()) {
        top.offer(docs[i], lowest);
        continue;
      }
      kernels.max_of_rows(scores.data(), late.part.centroids, query.columns, codes.data(),
                          static_cast<int64_t>(codes.size()), best.data());
      if (kept != nullptr)  // a token without a near centroid adds nothing
        for (float& value : best) value = std::max(value, 0.0f);
      const float score = weighted_sum(query, best);
      top.offer(docs[i], std::isnan(score) ? lowest : score);
    }
    const std::lock_guard lock(merging);
    for (const auto& [doc, score] : top.take()) all.offer(doc, score);
  });
  std::vector<DocOrdinal> result;
  for (const auto& [doc, score] : all.take()) result.push_back(doc);
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

LateQuery prepare_late_query(const TokenMatrix& query, std::span<const float> weights, int64_t dim) {
  const auto fail = [](std::string found, std::string expected) {
    throw Error({.where = "query tokens", .found = std::move(found), .expected = std::move(expected)});
  };
  if (query.dim != dim)
    fail(fmt::format("{} dimensions", query.dim), fmt::format("{}, as the index has", dim));
  if (query.values.empty() || query.values.size() % static_cast<size_t>(dim) != 0)
    fail(fmt::format("{} numbers", query.values.size()), fmt::format("rows of {}", dim));
  for (size_t i = 0; i < query.values.size(); ++i)
    if (!std::isfinite(query.values[i]))
      fail(fmt::format("{} in token {}", query.values[i], i / static_cast<size_t>(dim)), "finite numbers");
  const int64_t tokens = query.rows(), width = kernels::active_vectors().panel_width;
  if (!weights.empty() && static_cast<int64_t>(weights.size()) != tokens)
    fail(fmt::format("{} weights", weights.size()), fmt::format("one for each of {} tokens", tokens));
  LateQuery prepared = {.tokens = tokens, .columns = (tokens + width - 1) / width * width};
  prepared.panels = pack_panels(query.values, dim, tokens, dim);
  prepared.weights.assign(static_cast<size_t>(tokens), 1.0f);
  std::copy(weights.begin(), weights.end(), prepared.weights.begin());
  return prepared;
}

void best_matches(const LateFile& late, const LateQuery& query, DocOrdinal doc, std::vector<float>& rows,
                  std::span<float> best) {
  const auto& kernels = kernels::active_vectors();
  std::fill(best.begin(), best.end(), lowest);
  kernels::PanelArguments arguments = {.panels = query.panels.data(),
                                       .panel_count = query.columns / kernels.panel_width,
                                       .dim = late.part.dim,
                                       .rows = nullptr,
                                       .row_stride = late.part.dim,
                                       .row_count = late.tokens_in(doc)};
  if (!late.f32.empty()) {
    arguments.rows = late.f32.data() + static_cast<int64_t>(late.doc_begins[doc]) * late.part.dim;
    return kernels.panel_max_f32(arguments, best.data());
  }
  if (!late.bf16.empty()) {
    arguments.rows = late.bf16.data() + static_cast<int64_t>(late.doc_begins[doc]) * late.part.dim;
    return kernels.panel_max_bf16(arguments, best.data());
  }
  const int64_t width = padded_dim(late.part.dim), tokens = late.tokens_in(doc);
  rows.resize(static_cast<size_t>(tokens_at_once * width));
  for (int64_t first = 0; first < tokens; first += tokens_at_once) {
    arguments.row_count = std::min(tokens_at_once, tokens - first);
    late.decode(doc, first, arguments.row_count, rows.data());
    arguments.rows = rows.data();
    arguments.row_stride = width;
    kernels.panel_max_f32(arguments, best.data());
  }
}

float weighted_sum(const LateQuery& query, std::span<const float> best) {
  float sum = 0;
  for (int64_t q = 0; q < query.tokens; ++q)
    sum += query.weights[static_cast<size_t>(q)] * best[static_cast<size_t>(q)];
  return sum;
}

std::vector<ScoredDoc> exact_late_search(const LateFile& late, const LateQuery& query, size_t k,
                                         const DocSet* allowed, LateSearchReport& report) {
  report = {.exact = true,
            .candidates = late.part.documents,
            .interacted = late.part.documents,
            .decoded = late.part.documents};
  return best_of(late, query, k, late.part.documents, [&](int64_t i) -> std::optional<DocOrdinal> {
    const auto doc = static_cast<DocOrdinal>(i);
    if (allowed != nullptr && !allowed->contains(doc)) return std::nullopt;
    return doc;
  });
}

std::vector<ScoredDoc> plaid_search(const LateFile& late, const LateQuery& query, size_t k,
                                    const DocSet* allowed, const LateSearchOptions& options,
                                    LateSearchReport& report) {
  const auto& spec = late.part.spec;
  const auto scores = centroid_scores(late, query);
  const auto keep = std::max(static_cast<size_t>(options.candidates.value_or(spec.candidates)), 4 * k);
  std::vector<DocOrdinal> docs;
  if (allowed != nullptr && allowed->count() <= keep)  // no need to choose among them
    allowed->for_each([&](DocOrdinal doc) { docs.push_back(doc); });
  else
    docs = candidates_of(late, query, scores, options.nprobe.value_or(spec.nprobe), allowed);
  report.candidates = static_cast<int64_t>(docs.size());
  if (docs.size() > keep) {
    const auto threshold = static_cast<float>(options.threshold.value_or(spec.threshold));
    std::vector<uint8_t> kept(static_cast<size_t>(late.part.centroids));
    for (size_t c = 0; c < kept.size(); ++c) {
      const auto row = std::span(scores).subspan(c * static_cast<size_t>(query.columns),
                                                 static_cast<size_t>(query.tokens));
      kept[c] = *std::max_element(row.begin(), row.end()) >= threshold;
    }
    docs = interact(late, query, scores, docs, keep, &kept);
  }
  report.interacted = static_cast<int64_t>(docs.size());
  const size_t decoded = std::max(keep / 4, k);
  if (docs.size() > decoded) docs = interact(late, query, scores, docs, decoded, nullptr);
  report.decoded = static_cast<int64_t>(docs.size());
  return best_of(late, query, k, report.decoded,
                 [&](int64_t i) -> std::optional<DocOrdinal> { return docs[static_cast<size_t>(i)]; });
}

}  // namespace coppice
