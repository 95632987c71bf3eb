#pragma once
// The exact search: all vectors are compared, in parallel over blocks. Bytes, or products of many queries at once,
// find what may be among the k best; the scores of the result are those of VectorStore::scores.

#include <vector>

#include "index/top_k.h"
#include "index/vector/vector_store.h"
#include "index/vector/vectors.h"

namespace coppice {

std::vector<ScoredDoc> flat_scan(const VectorStore& store, const PreparedQuery& query, size_t k,
                                 const DocSet* allowed, const VectorSearchOptions& options,
                                 VectorSearchReport& report);

// All queries in one pass over the vectors; the results are those of flat_scan, bit for bit.
std::vector<std::vector<ScoredDoc>> flat_scan_batch(const VectorStore& store,
                                                    std::span<const PreparedQuery> queries, size_t k,
                                                    const DocSet* allowed, VectorSearchReport& report);

// The k best documents among rows, which ascend: exact scores, the best of each document's.
std::vector<ScoredDoc> rerank_rows(const VectorStore& store, const PreparedQuery& query, size_t k,
                                   std::span<const uint32_t> rows);

}  // namespace coppice
