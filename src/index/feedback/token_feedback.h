#pragma once
// ColBERT-PRF (Wang et al. 2021): pseudo-relevance feedback for late interaction. The token vectors of the best documents
// of a first search are clustered, and the centroids v that are rarest in the collection join the query with weights,
//
//   s'(q, d) = sum over i of max over j of q_i . d_j  +  beta * sum over v of  sigma_v * max over j of v . d_j
//   sigma_v = ln((N + 1) / (N_v + 1))
//
// N is the number of documents. In the paper N_v is that of the documents that contain the token nearest to v; an index
// of vectors knows no tokens, and here N_v is the number of documents with a vector in v's cell of the index's own
// centroids.

#include "index/search/searcher.h"

namespace coppice {

struct TokenFeedbackSpec {
  int64_t documents = 3, clusters = 24, expansion = 10;
  double beta = 1;
  int64_t seed = 1;
};

struct WeightedTokens {
  std::vector<float> values;  // (tokens, dim): the query's, then the centroids'
  std::vector<float> weights;
};

// With beta 0, or no expansion, it is the query with weights of 1.
WeightedTokens feed_back_tokens(Searcher& searcher, const TokenMatrix& query, std::span<const Hit> first,
                                const TokenFeedbackSpec& spec);

}  // namespace coppice
