#pragma once
// Pseudo-relevance feedback for dense vectors: Rocchio's formula over vectors (Rocchio 1971; for dense retrieval Li et al.
// 2021),
//
//   q' = alpha * q + beta * mean of the vectors of the best documents of a first search
//
// Of a document with several vectors the one that matched counts, the best for the query. With beta 0 it is the query,
// times alpha.

#include "index/feedback/text_feedback.h"

namespace coppice {

std::vector<float> feed_back_vector(Searcher& searcher, std::span<const float> query,
                                    std::span<const Hit> first, const FeedbackSpec& spec);

}  // namespace coppice
