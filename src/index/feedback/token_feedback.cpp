#include "index/feedback/token_feedback.h"

#include <algorithm>
#include <cmath>

#include "index/kmeans.h"

namespace coppice {

WeightedTokens feed_back_tokens(Searcher& searcher, const TokenMatrix& query, std::span<const Hit> first,
                                const TokenFeedbackSpec& spec) {
  WeightedTokens made = {{query.values.begin(), query.values.end()},
                         std::vector<float>(static_cast<size_t>(query.rows()), 1.0f)};
  if (spec.beta == 0 || spec.expansion == 0) return made;
  const auto& parts = searcher.reader().parts();
  std::vector<float> tokens;
  for (const Hit& hit : first.first(std::min(first.size(), static_cast<size_t>(spec.documents)))) {
    const auto of_document = parts[hit.part].segment->late().tokens_of(hit.doc);
    tokens.insert(tokens.end(), of_document.begin(), of_document.end());
  }
  const auto width = static_cast<size_t>(query.dim);
  const int64_t count = std::min(spec.clusters, static_cast<int64_t>(tokens.size() / width));
  if (count == 0) return made;
  const auto centroids =
      kmeans(tokens, query.dim,
             {.clusters = count, .iterations = 20, .seed = static_cast<uint64_t>(spec.seed), .title = ""});
  int64_t documents = 0;
  for (const auto& part : parts) documents += static_cast<int64_t>(part.segment->late().documents());

  std::vector<std::pair<double, size_t>> by_weight;
  for (size_t v = 0; v < static_cast<size_t>(count); ++v) {
    int64_t with = 0;
    for (const auto& part : parts)
      with += part.segment->late().documents_near(std::span(centroids).subspan(v * width, width));
    const double sigma = std::log(static_cast<double>(documents + 1) / static_cast<double>(with + 1));
    by_weight.emplace_back(-sigma, v);
  }
  std::sort(by_weight.begin(), by_weight.end());
  by_weight.resize(std::min(by_weight.size(), static_cast<size_t>(spec.expansion)));
  for (const auto& [minus_sigma, v] : by_weight) {
    const auto centroid = std::span(centroids).subspan(v * width, width);
    made.values.insert(made.values.end(), centroid.begin(), centroid.end());
    made.weights.push_back(static_cast<float>(-minus_sigma * spec.beta));
  }
  return made;
}

}  // namespace coppice
