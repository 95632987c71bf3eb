#pragma once
// The exact search: all vectors are compared, in parallel over blocks. Bytes, if there are, find what may be among the k
// best; the scores of the result are those of VectorStore::scores.

#include <vector>

#include "index/top_k.h"
#include "index/vector/vector_store.h"
#include "index/vector/vectors.h"

namespace coppice {

std::vector<ScoredDoc> flat_scan(const VectorStore& store, const PreparedQuery& query, size_t k,
                                 const DocSet* allowed, const VectorSearchOptions& options,
                                 VectorSearchReport& report);

// The k best documents among rows, which ascend: exact scores, the best of each document's.
std::vector<ScoredDoc> rerank_rows(const VectorStore& store, const PreparedQuery& query, size_t k,
                                   std::span<const uint32_t> rows);

}  // namespace coppice
