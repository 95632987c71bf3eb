#pragma once
// Pseudo-relevance feedback: the best documents of a first search are taken to be relevant, and their terms make the
// query of a second one.

#include "index/search/searcher.h"

namespace coppice {

enum class TextFeedback { none, rm3, rocchio };
template <>
struct EnumNames<TextFeedback> {
  static constexpr auto values = std::to_array<std::pair<TextFeedback, const char*>>(
      {{TextFeedback::none, "none"}, {TextFeedback::rm3, "rm3"}, {TextFeedback::rocchio, "rocchio"}});
};

struct FeedbackSpec {
  TextFeedback method = TextFeedback::none;
  int64_t documents = 10, terms = 10;
  double original = 0.5;          // rm3: share of the original query
  double alpha = 1, beta = 0.75;  // rocchio: weights of the query and of the documents

  static void fields(auto& self, auto&& field) {
    field("feedback", self.method, Field{.help = "make a second query of the first one's best documents"});
    field("feedback_documents", self.documents,
          Field{.help = "documents taken to be relevant", .min = 0, .max = 10000});
    field("feedback_terms", self.terms, Field{.help = "terms taken from them", .min = 0, .max = 100000});
    field("original_weight", self.original,
          Field{.help = "rm3: share of the original query; 1 changes nothing", .min = 0, .max = 1});
    field("alpha", self.alpha, Field{.help = "rocchio: weight of the original query", .min = 0});
    field("beta", self.beta, Field{.help = "rocchio: weight of the documents; 0 changes nothing", .min = 0});
  }
};

// The terms of a document with their frequencies, from its stored fields. An Error if the index keeps none.
std::vector<WeightedTerm> document_terms(Searcher& searcher, const Hit& hit);

// RM3 (Abdul-Jaleel et al. 2004): p(t) = original * p(t | query) + (1 - original) * sum over documents of
// score * f(t, d) / |d|, cut to the strongest terms and normalised. With share 1 it is the query, up to a factor.
// Rocchio (1971): alpha * query + beta * mean of the documents' vectors, all of length 1.
// As Anserini does, words of one character, of more than 20, or with others than letters and digits are not taken from
// documents, nor are those in more than a tenth of them.
std::vector<WeightedTerm> feed_back(Searcher& searcher, std::span<const WeightedTerm> query,
                                    std::span<const Hit> first, const FeedbackSpec& spec);

}  // namespace coppice
