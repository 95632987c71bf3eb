#include "index/feedback/vector_feedback.h"

#include <algorithm>

#include "index/vector/vector_store.h"

namespace coppice {
namespace {

// The vector of the document that is most similar to the query, as it is stored.
std::vector<float> matched_vector(const VectorIndex& index, DocOrdinal doc, std::span<const float> query) {
  auto vectors = index.vectors_of(doc);
  const bool distance = index.spec().similarity == Similarity::l2;
  const auto similarity = [&](const std::vector<float>& vector) {
    double sum = 0;
    for (size_t i = 0; i < vector.size(); ++i) {
      const double difference = double{query[i]} - vector[i];
      sum += distance ? -difference * difference : double{query[i]} * vector[i];
    }
    return sum;
  };
  return *std::max_element(vectors.begin(), vectors.end(),
                           [&](const auto& a, const auto& b) { return similarity(a) < similarity(b); });
}

}  // namespace

std::vector<float> feed_back_vector(Searcher& searcher, std::span<const float> query,
                                    std::span<const Hit> first, const FeedbackSpec& spec) {
  std::vector<float> made(query.begin(), query.end());
  const bool cosine = searcher.reader().spec().dense->index.similarity == Similarity::cosine;
  if (cosine) normalize_vector(made);
  const std::vector<float> original = made;
  const size_t documents = std::min(first.size(), static_cast<size_t>(spec.taken_documents()));
  for (float& value : made) value *= static_cast<float>(spec.alpha);
  for (const Hit& hit : first.first(documents)) {
    const auto vector =
        matched_vector(searcher.reader().parts()[hit.part].segment->dense(), hit.doc, original);
    for (size_t i = 0; i < made.size(); ++i)
      made[i] += static_cast<float>(spec.beta.value_or(0.75) / static_cast<double>(documents)) * vector[i];
  }
  return made;
}

}  // namespace coppice
