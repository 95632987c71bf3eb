#pragma once
// A search as somebody plans it: a part of the index or several fused, perhaps only among what another part ranks first,
// perhaps with feedback, of documents or of their windows.

#include <map>

#include "index/feedback/text_feedback.h"
#include "index/fuse/fusion.h"
#include "index/search/searcher.h"

namespace coppice {

enum class SearchMode { automatic, bm25, sparse, dense, late, hybrid };
template <>
struct EnumNames<SearchMode> {
  static constexpr auto values =
      std::to_array<std::pair<SearchMode, const char*>>({{SearchMode::automatic, "auto"},
                                                         {SearchMode::bm25, "bm25"},
                                                         {SearchMode::sparse, "sparse"},
                                                         {SearchMode::dense, "dense"},
                                                         {SearchMode::late, "late"},
                                                         {SearchMode::hybrid, "hybrid"}});
};

struct SearchPlan {
  SearchMode mode = SearchMode::automatic;  // the index's only part, or its text
  // hybrid: which parts, in the order of the fusion's weights (empty: all that the index has), and how many documents of
  // each. Where scores count, a document that one part has found is given the other parts' scores too.
  std::vector<SearchMode> parts;
  FusionSpec fusion;
  int64_t depth = 1000;
  // Only documents that this part has among its best are searched.
  std::optional<SearchMode> first;
  int64_t first_depth = 100;
  bool passages = false;  // windows of documents by themselves, not the best of each document
  TextSearch text;
  VectorSearchOptions dense;
  LateSearchOptions late;
  FeedbackSpec feedback;
};

// What is known of a query. Parts that are searched need theirs. Required and excluded clauses bind the whole result,
// whatever part finds a document.
struct SearchQuery {
  std::vector<QueryClause> clauses;
  std::optional<std::vector<WeightedTerm>> sparse;
  std::optional<std::vector<float>> dense;
  std::optional<std::vector<float>> tokens;  // (tokens, dim)
};

struct Explanation {
  Json json;
  std::string text;  // lines, indented
};

class PlannedSearch {
 public:
  // Errors of usage: a mode, feedback or weights that do not go together, or that the index does not have.
  PlannedSearch(Searcher& searcher, SearchPlan plan);

  SearchMode mode() const { return plan_.mode; }
  // The parts that are searched, `first` included: what a query needs.
  std::vector<SearchMode> searched() const;

  std::vector<Hit> search(const SearchQuery& query, size_t k);
  // Why a hit of the last search has its score.
  Explanation explain(const SearchQuery& query, const Hit& hit);

 private:
  std::vector<Hit> documents(SearchMode mode, const SearchQuery& query, size_t k);
  std::vector<Hit> ranked(SearchMode mode, const SearchQuery& query, size_t k);
  std::vector<Hit> by_text(size_t k);
  std::vector<Hit> by_vector(const SearchQuery& query, size_t k);
  std::vector<Hit> by_tokens(const SearchQuery& query, size_t k);
  std::vector<Hit> fused(const SearchQuery& query, size_t k);
  void add_missing(SearchMode mode, const SearchQuery& query, const std::map<std::string, Hit>& all,
                   std::vector<Hit>& hits);
  std::optional<double> score(SearchMode mode, const SearchQuery& query, const Hit& hit);
  Explanation explain_part(SearchMode mode, const SearchQuery& query, const Hit& hit);
  TokenMatrix tokens_of(const SearchQuery& query) const;
  bool has_feedback(SearchMode mode) const;

  Searcher& searcher_;
  SearchPlan plan_;
  bool collapse_, first_stage_ = false;  // which has no feedback
  std::map<std::string, std::vector<FusedPart>> last_fused_;
  std::vector<QueryClause> scored_;  // the last query's clauses that score, now that the others bind
  // What the last feedback made of the query.
  std::vector<WeightedTerm> fed_terms_;
  std::vector<float> fed_vector_, fed_tokens_, fed_weights_;
};

}  // namespace coppice
