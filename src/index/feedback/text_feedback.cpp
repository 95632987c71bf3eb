#include "index/feedback/text_feedback.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace coppice {
namespace {

using Vector = std::map<std::string, double>;

void scale_to_sum_1(Vector& vector) {
  double sum = 0;
  for (const auto& [term, weight] : vector) sum += weight;
  if (sum > 0)
    for (auto& [term, weight] : vector) weight /= sum;
}

void scale_to_length_1(Vector& vector) {
  double squares = 0;
  for (const auto& [term, weight] : vector) squares += weight * weight;
  if (squares > 0)
    for (auto& [term, weight] : vector) weight /= std::sqrt(squares);
}

void keep_strongest(Vector& vector, size_t count) {
  if (vector.size() <= count) return;
  std::vector<std::pair<double, std::string>> terms;
  for (const auto& [term, weight] : vector) terms.emplace_back(-weight, term);
  std::sort(terms.begin(), terms.end());
  for (size_t i = count; i < terms.size(); ++i) vector.erase(terms[i].second);
}

bool is_taken(std::string_view term) {
  if (term.size() < 2 || term.size() > 20) return false;
  return std::all_of(term.begin(), term.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
  });
}

// Of a document's terms those that may expand a query.
Vector expanding_terms(Searcher& searcher, const Hit& hit) {
  Vector taken;
  std::vector<WeightedTerm> terms = document_terms(searcher, hit);
  InvertedStatistics statistics;
  for (const auto& part : searcher.reader().parts()) statistics.add(part.segment->text(), terms);
  for (const auto& [term, frequency] : terms) {
    const auto found = statistics.found.find(term);
    const double documents =
        found == statistics.found.end() ? 0 : static_cast<double>(found->second.documents);
    if (is_taken(term) && documents <= 0.1 * static_cast<double>(statistics.documents))
      taken[term] = frequency;
  }
  return taken;
}

std::vector<WeightedTerm> as_query(const Vector& vector) {
  std::vector<WeightedTerm> query;
  for (const auto& [term, weight] : vector)
    if (const float rounded = static_cast<float>(weight); rounded > 0) query.push_back({term, rounded});
  return query;
}

}  // namespace

std::vector<WeightedTerm> document_terms(Searcher& searcher, const Hit& hit) {
  const IndexSpec& spec = searcher.reader().spec();
  if (!spec.keep_fields)
    throw Error({.where = "feedback",
                 .found = "an index without texts",
                 .expected = "one that keeps them",
                 .advice = "make the index without --no-fields"},
                Fault::usage);
  Vector counts;
  const StoredDocument stored = searcher.reader().fetch(hit.part, hit.doc);
  AnalyzedText analyzed;
  for (const auto& [name, text] : stored.fields.items()) {
    const int64_t weight = spec.text->weight_of(name);
    if (weight == 0 || !text.is_string()) continue;
    searcher.analyzer().analyze(text.get<std::string>(), analyzed);
    for (size_t i = 0; i < analyzed.tokens.size(); ++i)
      counts[std::string(analyzed.term(i))] += static_cast<double>(weight);
  }
  return as_query(counts);
}

std::vector<WeightedTerm> feed_back(Searcher& searcher, std::span<const WeightedTerm> query,
                                    std::span<const Hit> first, const FeedbackSpec& spec) {
  Vector original, model;
  for (const auto& [term, weight] : query) original[term] += weight;
  const size_t documents = std::min(first.size(), static_cast<size_t>(spec.taken_documents()));
  for (const Hit& hit : first.first(documents)) {
    Vector terms = expanding_terms(searcher, hit);
    if (spec.method == Feedback::rm3)
      scale_to_sum_1(terms);
    else
      scale_to_length_1(terms);
    keep_strongest(terms, static_cast<size_t>(spec.terms));
    const double factor = spec.method == Feedback::rm3 ? hit.score : 1.0 / static_cast<double>(documents);
    for (const auto& [term, weight] : terms) model[term] += factor * weight;
  }
  keep_strongest(model, static_cast<size_t>(spec.terms));
  double keep = 1, add = 0;
  switch (spec.method) {
    case Feedback::none:
    case Feedback::colbert_prf:
      break;
    case Feedback::rm3:
      scale_to_sum_1(original);
      scale_to_sum_1(model);
      keep = spec.original;
      add = 1 - spec.original;
      break;
    case Feedback::rocchio:
      scale_to_length_1(original);
      scale_to_length_1(model);
      keep = spec.alpha;
      add = spec.beta.value_or(0.75);
      break;
  }
  Vector mixed;
  for (const auto& [term, weight] : original) mixed[term] += keep * weight;
  for (const auto& [term, weight] : model) mixed[term] += add * weight;
  return as_query(mixed);
}

}  // namespace coppice
