#pragma once
// Exact MaxSim and the stages of PLAID over a mapped part.

#include "index/late/late_part.h"

namespace coppice {

// A query as the kernels want it: its tokens are columns of panels, missing ones zeros of weight 0.
struct LateQuery {
  int64_t tokens = 0, columns = 0;
  std::vector<float> panels, weights;
};

LateQuery prepare_late_query(const TokenMatrix& query, std::span<const float> weights, int64_t dim);

// The best similarity of every query token with the document's, `columns` of them.
void best_matches(const LateFile& late, const LateQuery& query, DocOrdinal doc, std::vector<float>& rows,
                  std::span<float> best);
// The sum of weight x best over query tokens, in their order.
float weighted_sum(const LateQuery& query, std::span<const float> best);

std::vector<ScoredDoc> exact_late_search(const LateFile& late, const LateQuery& query, size_t k,
                                         const DocSet* allowed, LateSearchReport& report);
std::vector<ScoredDoc> plaid_search(const LateFile& late, const LateQuery& query, size_t k,
                                    const DocSet* allowed, const LateSearchOptions& options,
                                    LateSearchReport& report);

}  // namespace coppice
