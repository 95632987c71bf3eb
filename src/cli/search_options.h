#pragma once

#include "cli/verb.h"
#include "format/collection/collection.h"
#include "index/feedback/text_feedback.h"

namespace coppice {

enum class SearchMode { automatic, bm25, sparse, dense, late };
template <>
struct EnumNames<SearchMode> {
  static constexpr auto values =
      std::to_array<std::pair<SearchMode, const char*>>({{SearchMode::automatic, "auto"},
                                                         {SearchMode::bm25, "bm25"},
                                                         {SearchMode::sparse, "sparse"},
                                                         {SearchMode::dense, "dense"},
                                                         {SearchMode::late, "late"}});
};

struct SearchOptions {
  std::filesystem::path index;
  std::string query;
  std::filesystem::path queries, output;
  std::optional<int64_t> k;
  SearchMode mode = SearchMode::automatic;
  TopicPart topic_part = TopicPart::title;
  std::optional<QuerySyntax> syntax;
  std::string filter, tag = "coppice";
  Pruning pruning = Pruning::maxscore;
  std::optional<double> k1, b;
  FeedbackSpec feedback;
  std::filesystem::path query_sparse;
  std::optional<std::string> query_prompt_name;
  bool explain = false, degraded = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("index", self.index,
          Field{.help = "index", .required = true, .positional = true, .value_name = "INDEX"});
    field(
        "query", self.query,
        Field{
            .help = "words, \"a phrase\", +required, -excluded", .positional = true, .value_name = "QUERY"});
    field("queries", self.queries,
          Field{.help = "search all queries of a file or a BEIR directory, and write a run",
                .value_name = "FILE"});
    field(
        "output", self.output,
        Field{
            .help = "the run of --queries, as trec_eval reads it", .value_name = "FILE", .short_name = "-o"});
    field("k", self.k,
          Field{.help = "documents to find (default: 10, with --queries 1000)",
                .min = 1,
                .value_name = "N",
                .short_name = "-k"});
    field("mode", self.mode, Field{.help = "part of the index to search (default: the only one, or bm25)"});
    field("topic_part", self.topic_part, Field{.help = "what of a TREC topic is the query"});
    field("syntax", self.syntax,
          Field{.help = "whether quotes, + and - mean something (default: operators, with --queries plain)"});
    field("filter", self.filter,
          Field{.help = "search only documents whose metadata fit, as: year >= 1990 and lang = 'en'",
                .value_name = "CONDITION"});
    field("tag", self.tag, Field{.help = "last column of a run", .value_name = "NAME"});
    field("pruning", self.pruning, Field{.help = "how postings are passed over; changes no result"});
    field("k1", self.k1, Field{.help = "BM25's k1 instead of the index's own", .min = 0, .max = 100});
    field("b", self.b, Field{.help = "BM25's b instead of the index's own", .min = 0, .max = 1});
    FeedbackSpec::fields(self.feedback, field);
    field(
        "query_sparse", self.query_sparse,
        Field{.help = "learned sparse vectors of the queries: JSONL of {id, vector}", .value_name = "FILE"});
    field("query_prompt_name", self.query_prompt_name,
          Field{.help = "the encoder's prompt for queries", .value_name = "NAME"});
    field("explain", self.explain, Field{.help = "say what each term adds to a score"});
    field("degraded", self.degraded, Field{.help = "answer without segments that are damaged"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo search_verb = {"search", "search an index",
                                     "coppice search path/to/index \"some words\""};

int run_search(const SearchOptions& options);

}  // namespace coppice
