#pragma once
// Pseudo-relevance feedback: the best documents of a first search are taken to be relevant, and their terms make the
// query of a second one.

#include "index/search/searcher.h"

namespace coppice {

enum class Feedback { none, rm3, rocchio, colbert_prf };
template <>
struct EnumNames<Feedback> {
  static constexpr auto values =
      std::to_array<std::pair<Feedback, const char*>>({{Feedback::none, "none"},
                                                       {Feedback::rm3, "rm3"},
                                                       {Feedback::rocchio, "rocchio"},
                                                       {Feedback::colbert_prf, "colbert_prf"}});
};

struct FeedbackSpec {
  Feedback method = Feedback::none;
  std::optional<int64_t> documents;  // else 10, and 3 for colbert_prf
  int64_t terms = 10;                // terms: of texts; of token vectors, centroids
  double original = 0.5;             // rm3: share of the original query
  double alpha = 1;                  // rocchio: weight of the query
  std::optional<double> beta;        // and of the documents, else 0.75; of colbert_prf's centroids, else 1

  int64_t taken_documents() const { return documents.value_or(method == Feedback::colbert_prf ? 3 : 10); }

  static void fields(auto& self, auto&& field) {
    field("feedback", self.method,
          Field{.help = "make a second query of the first one's best documents: rm3 or rocchio of text, "
                        "rocchio of dense "
                        "vectors, colbert_prf of token vectors"});
    field(
        "feedback_documents", self.documents,
        Field{.help = "documents taken to be relevant (default: 10, colbert_prf 3)", .min = 0, .max = 10000});
    field(
        "feedback_terms", self.terms,
        Field{
            .help = "terms, or centroids of their token vectors, taken from them", .min = 0, .max = 100000});
    field("original_weight", self.original,
          Field{.help = "rm3: share of the original query; 1 changes nothing", .min = 0, .max = 1});
    field("alpha", self.alpha, Field{.help = "rocchio: weight of the original query", .min = 0});
    field("beta", self.beta,
          Field{.help = "weight of the documents (default: rocchio 0.75, colbert_prf 1); 0 changes nothing",
                .min = 0});
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
