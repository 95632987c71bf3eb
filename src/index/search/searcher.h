#pragma once
// Searching one state of an index, by each of its parts. Every search gives the k best live documents, by score, falling,
// then by name, falling: the order in which trec_eval ranks them. Scores and order do not depend on how documents are
// spread over segments.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "index/inverted/segment_query.h"
#include "index/search/text_query.h"
#include "index/store/index_reader.h"

namespace coppice {

struct Hit {
  std::string id;
  double score;
  size_t part;
  DocOrdinal doc;
  bool operator==(const Hit&) const = default;
};

// How text is searched.
struct TextSearch {
  Pruning pruning = Pruning::maxscore;
  std::optional<Bm25> bm25;  // else the index's own
};

// What a term or a list adds to one document's score.
struct ScorePart {
  std::string term;
  double idf = 0;     // 0 for learned weights
  int64_t value = 0;  // frequency, or steps of a learned weight
  double weight = 1;  // the query's
  double score = 0;
};

class Searcher {
 public:
  // The reader must outlive it. A searcher serves one thread; several may share a reader.
  explicit Searcher(IndexReader& reader);

  // Only documents that pass the filter (filter.h) are found from now on; empty: all.
  void set_filter(const std::string& filter);
  // Only these documents, of those that pass the filter, until lifted. Of windows, all of the same documents.
  void restrict_to(std::span<const Hit> hits);
  void lift_restriction();
  // Only documents that have the query's required clauses and none of its excluded ones, of those that pass the filter,
  // by whatever part they are found, until lifted. With `whole`, windows count as their documents.
  void constrain(std::span<const QueryClause> query, bool whole);
  void lift_constraint();

  // Errors of usage say so if the index does not have the part.
  std::vector<Hit> text(std::span<const QueryClause> query, size_t k, const TextSearch& options = {});
  std::vector<Hit> text(std::string_view query, QuerySyntax syntax, size_t k, const TextSearch& options = {});
  // Weighted terms as they are in the index; for text without clauses, as feedback makes them.
  std::vector<Hit> terms(std::span<const WeightedTerm> query, size_t k, const TextSearch& options = {});
  std::vector<Hit> sparse(std::span<const WeightedTerm> query, size_t k, const TextSearch& options = {});
  std::vector<Hit> dense(std::span<const float> query, size_t k, const VectorSearchOptions& options = {});
  std::vector<Hit> late(const TokenMatrix& query, size_t k, const LateSearchOptions& options = {});

  // Scores of single documents, as searches give them; nothing if a document has no vectors. Of text, 0 if it has none of
  // the words.
  double text_score(std::span<const QueryClause> query, const Hit& hit, const TextSearch& options = {});
  double sparse_score(std::span<const WeightedTerm> query, const Hit& hit);
  std::optional<double> dense_score(std::span<const float> query, const Hit& hit) const;
  std::optional<double> late_score(const TokenMatrix& query, const Hit& hit,
                                   std::span<const float> weights = {}) const;

  // Why a document has its score: the parts, in the query's order, and their sum.
  std::vector<ScorePart> explain_text(std::span<const QueryClause> query, const Hit& hit,
                                      const TextSearch& options = {});
  // For `terms`.
  std::vector<ScorePart> explain_terms(std::span<const WeightedTerm> query, const Hit& hit,
                                       const TextSearch& options = {});
  std::vector<ScorePart> explain_sparse(std::span<const WeightedTerm> query, const Hit& hit);

  Analyzer& analyzer();
  IndexReader& reader() { return reader_; }

 private:
  const DocSet* allowed(size_t part) const;
  std::vector<DocSet> allowed_sets() const;
  std::vector<ScorePart> explain_weighted(const InvertedIndex& index, const QueryWeights& weights,
                                          double unit, const Hit& hit) const;
  std::vector<Hit> weighted(std::span<const WeightedTerm> query, bool sparse, size_t k,
                            const TextSearch& options);
  template <class SearchPart>
  std::vector<Hit> over_parts(size_t k, SearchPart&& search_part) const;

  IndexReader& reader_;
  std::unique_ptr<Analyzer> analyzer_;
  std::vector<DocSet> filtered_, constrained_, restricted_;
  bool filtering_ = false, constraining_ = false, restricting_ = false;
};

// Best first, then by name, falling; cut to k.
void rank(std::vector<Hit>& hits, size_t k);

}  // namespace coppice
