#include "index/vector/ivf_pq.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "index/top_k.h"
#include "kernels/vector_isa.h"

namespace coppice {
namespace {

constexpr size_t pieces_per_place = 256;
constexpr size_t block_rows = 256;

// Products of the query with every piece, (subquantizers, 256).
std::vector<float> piece_products(const IvfPqLists& lists, std::span<const float> query) {
  const auto width = static_cast<size_t>(lists.piece_dim());
  std::vector<float> table(static_cast<size_t>(lists.subquantizers) * pieces_per_place);
  for (size_t d = 0; d < query.size(); ++d) {
    float* to = table.data() + d / width * pieces_per_place;
    const float* from = lists.pieces.data() + d * pieces_per_place;
    for (size_t j = 0; j < pieces_per_place; ++j) to[j] += query[d] * from[j];
  }
  return table;
}

std::vector<float> centroid_products(const IvfPqLists& lists, std::span<const float> query) {
  std::vector<float> products(static_cast<size_t>(lists.lists));
  kernels::active_vectors().dot_f32({.queries = query.data(),
                                     .query_stride = lists.dim,
                                     .query_count = 1,
                                     .rows = lists.centroids.data(),
                                     .row_stride = lists.dim,
                                     .row_ids = nullptr,
                                     .row_count = lists.lists,
                                     .dim = lists.dim,
                                     .scores = products.data(),
                                     .score_stride = lists.lists});
  return products;
}

}  // namespace

std::vector<uint32_t> ivf_pq_rows(const IvfPqLists& lists, const VectorStore& store,
                                  const PreparedQuery& query, size_t wanted, int64_t probes,
                                  const DocSet* allowed, int64_t& scanned) {
  const bool distance = store.part().spec.similarity == Similarity::l2;
  const auto products = centroid_products(lists, query.values);
  TopK nearest(static_cast<size_t>(std::min(probes, lists.lists)));
  for (int64_t list = 0; list < lists.lists; ++list) {
    // Rows are in the list of the centroid at the least distance, and so the lists are ranked, but for dot products.
    const float score =
        store.part().spec.similarity == Similarity::dot
            ? products[static_cast<size_t>(list)]
            : 2 * products[static_cast<size_t>(list)] - lists.centroid_norms2[static_cast<size_t>(list)];
    nearest.offer(static_cast<DocOrdinal>(list), std::isnan(score) ? -INFINITY : score);
  }
  const auto table = piece_products(lists, query.values);
  TopK top(wanted);
  const auto width = static_cast<size_t>(lists.subquantizers);
  for (const auto& [list, centroid_score] : nearest.take()) {
    const uint64_t end = lists.begins[list + 1];
    for (uint64_t first = lists.begins[list]; first < end; first += block_rows) {
      const size_t count = std::min<uint64_t>(block_rows, end - first);
      float sums[block_rows];
      kernels::active_vectors().sum_lookups(table.data(), lists.codes.data() + first * width,
                                            lists.subquantizers, static_cast<int64_t>(count), sums);
      scanned += static_cast<int64_t>(count);
      for (size_t i = 0; i < count; ++i) {
        float score = products[list] + sums[i];
        if (distance) score = 2 * score - lists.norms2[first + i];
        if (!(score > top.threshold()) && top.full()) continue;
        const uint32_t row = lists.rows[first + i];
        if (row >= store.count() || (allowed != nullptr && !allowed->contains(store.docs()[row]))) continue;
        top.offer(row, std::isnan(score) ? -INFINITY : score);
      }
    }
  }
  std::vector<uint32_t> rows;
  for (const auto& found : top.take()) rows.push_back(found.doc);
  return rows;
}

void check_ivf_pq_places(const IvfPqLists& lists, const std::string& where) {
  bool right = lists.begins.front() == 0 && lists.begins.back() == lists.rows.size();
  for (size_t i = 1; i < lists.begins.size(); ++i) right = right && lists.begins[i - 1] <= lists.begins[i];
  if (!right)
    throw Error({.where = where,
                 .found = fmt::format("places of lists that do not rise from 0 to {}", lists.rows.size())});
}

void verify_ivf_pq(const IvfPqLists& lists, const std::string& where) {
  std::vector<bool> seen(lists.rows.size());
  for (const uint32_t row : lists.rows) {
    if (row >= seen.size() || seen[row])
      throw Error(
          {.where = where, .found = fmt::format("row {} in the lists", row), .expected = "each row once"});
    seen[row] = true;
  }
}

}  // namespace coppice
