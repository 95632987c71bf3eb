#pragma once

#include "cli/verb.h"
#include "format/collection/collection.h"
#include "index/search/planned_search.h"

namespace coppice {

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
  std::vector<SearchMode> parts;
  FusionSpec fusion;
  int64_t depth = 1000;
  std::optional<SearchMode> first;
  int64_t first_depth = 100;
  bool passages = false, exact = false;
  std::optional<int64_t> ef_search, probes, refine, nprobe, late_candidates;
  std::optional<double> late_threshold;
  FeedbackSpec feedback;
  std::filesystem::path query_sparse, query_dense, query_late;
  std::string rerank;
  int64_t rerank_depth = 100;
  std::optional<std::string> query_prompt_name;
  bool explain = false, degraded = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("index", self.index,
          Field{.help = "index", .required = true, .positional = true, .value_name = "INDEX"});
    field(
        "query", self.query,
        Field{
            .help =
                "words, \"a phrase\", +required, -excluded; the last two bind whatever part finds a document",
            .positional = true,
            .value_name = "QUERY"});
    field("queries", self.queries,
          Field{.help = "search all queries of a file or a BEIR directory, and write a run (with --json and "
                        "without -o: print the hits)",
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
    field("mode", self.mode,
          Field{.help = "part of the index to search (default: the only one, or bm25), or hybrid: several"});
    field("parts", self.parts,
          Field{.help = "hybrid: the parts, in the order of --weights (default: all that the index has)",
                .value_name = "PART,…"});
    FusionSpec::fields(self.fusion, field);
    field(
        "depth", self.depth,
        Field{.help = "hybrid: documents taken of each part", .min = 1, .max = 10000000, .value_name = "N"});
    field("first", self.first,
          Field{.help = "search only among the documents that this part ranks first", .value_name = "PART"});
    field("first_depth", self.first_depth,
          Field{.help = "how many documents those are", .min = 1, .max = 10000000, .value_name = "N"});
    field("passages", self.passages,
          Field{.help = "rank windows of documents, not documents by their best window"});
    field("exact", self.exact, Field{.help = "compare with all vectors, whatever the index's method"});
    field(
        "ef_search", self.ef_search,
        Field{.help = "hnsw: candidates kept while searching", .min = 1, .max = 1 << 20, .value_name = "N"});
    field("probes", self.probes, Field{.help = "ivf_pq: lists searched", .min = 1, .value_name = "N"});
    field("refine", self.refine,
          Field{.help = "ivf_pq, int8: candidates compared with the stored vectors, in multiples of k",
                .min = 1,
                .max = 100000,
                .value_name = "N"});
    field("nprobe", self.nprobe,
          Field{.help = "late: centroids per query token whose documents are candidates",
                .min = 1,
                .value_name = "N"});
    field("late_candidates", self.late_candidates,
          Field{.help = "late: documents kept after the pruned comparison", .min = 1, .value_name = "N"});
    field("late_threshold", self.late_threshold,
          Field{.help = "late: least similarity of centroids in the pruned comparison", .value_name = "X"});
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
    field("query_dense", self.query_dense,
          Field{.help = "dense vectors of the queries, as index --dense reads them", .value_name = "FILE"});
    field("query_late", self.query_late,
          Field{.help = "token vectors of the queries, as index --late reads them", .value_name = "FILE"});
    field("rerank", self.rerank,
          Field{.help = "rank the best anew: by a cross-encoder (its model directory), by the scores of a "
                        "run (its file), or "
                        "by a command, which reads a JSON object with query, text and score a line and "
                        "writes a score a line",
                .value_name = "MODEL|RUN|COMMAND"});
    field("rerank_depth", self.rerank_depth,
          Field{.help = "how many are ranked anew; others are left out",
                .min = 1,
                .max = 1000000,
                .value_name = "N"});
    field("query_prompt_name", self.query_prompt_name,
          Field{.help = "the encoder's prompt for queries", .value_name = "NAME"});
    field("explain", self.explain, Field{.help = "say why a document has its score"});
    field("degraded", self.degraded,
          Field{.help = "answer without segments that are damaged; all are read first"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo search_verb = {"search", "search an index",
                                     "coppice search path/to/index \"some words\""};

int run_search(const SearchOptions& options);

}  // namespace coppice
