#pragma once

#include "cli/verb.h"
#include "format/trec.h"

namespace coppice {

enum class SignificanceTest { t, randomisation, none };

template <>
struct EnumNames<SignificanceTest> {
  static constexpr auto values = std::to_array<std::pair<SignificanceTest, const char*>>(
      {{SignificanceTest::t, "t"},
       {SignificanceTest::randomisation, "randomisation"},
       {SignificanceTest::none, "none"}});
};

enum class Correction { none, bonferroni, holm };

template <>
struct EnumNames<Correction> {
  static constexpr auto values = std::to_array<std::pair<Correction, const char*>>(
      {{Correction::none, "none"}, {Correction::bonferroni, "bonferroni"}, {Correction::holm, "holm"}});
};

struct MeasureOptions {
  std::filesystem::path qrels;
  std::vector<std::filesystem::path> runs;
  std::vector<std::string> measure;
  bool per_query = false, no_summary = false, complete = false;
  int64_t relevance_level = 1;
  std::optional<int64_t> max_per_query;
  bool judged_only = false;
  int64_t documents = 0;
  JudgementFormat judgements = JudgementFormat::qrels;
  std::filesystem::path zscores;
  SignificanceTest test = SignificanceTest::t;
  Correction correction = Correction::holm;
  int64_t permutations = 100000, seed = 1;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field(
        "qrels", self.qrels,
        Field{.help = "relevance judgements: TREC qrels, or a table of BEIR, or its directory (a file called "
                      "answers, budget or overlap: ./answers)",
              .required = true,
              .positional = true,
              .value_name = "QRELS"});
    field("runs", self.runs,
          Field{.help = "runs in TREC form; several are compared with the first in one table",
                .required = true,
                .positional = true,
                .value_name = "RUN"});
    field("measure", self.measure,
          Field{.help =
                    "measure, of trec_eval (map, P.5,10, ndcg_cut_10, official, all_trec) or as ir_measures "
                    "spells it (nDCG@10, AP(rel=2)@100); may be repeated (default: official; of several runs "
                    "nDCG@10, AP, RR, R@1000)",
                .value_name = "NAME",
                .short_name = "-m"});
    field("per_query", self.per_query,
          Field{.help = "print the values of every query too", .short_name = "-q"});
    field("no_summary", self.no_summary,
          Field{.help = "leave out the values over all queries", .short_name = "-n"});
    field("complete", self.complete,
          Field{.help = "queries that a run lacks count too, as if nothing had been found",
                .short_name = "-c"});
    field("relevance_level", self.relevance_level,
          Field{.help = "grade from which on a document is relevant",
                .min = 0,
                .value_name = "N",
                .short_name = "-l"});
    field("max_per_query", self.max_per_query,
          Field{.help = "look at so many documents of a query only",
                .min = 1,
                .value_name = "N",
                .short_name = "-M"});
    field("judged_only", self.judged_only,
          Field{.help = "take out documents that were not judged", .short_name = "-J"});
    field("documents", self.documents,
          Field{.help = "documents in the collection, for utility",
                .min = 0,
                .value_name = "N",
                .short_name = "-N"});
    field("judgements", self.judgements, Field{.help = "what QRELS holds", .short_name = "-R"});
    field(
        "zscores", self.zscores,
        Field{.help = "file of means and deviations of reference runs; values become distances in deviations",
              .value_name = "FILE",
              .short_name = "-Z"});
    field("test", self.test, Field{.help = "test of each run against the first, paired by query"});
    field("correction", self.correction,
          Field{.help = "correction of p values for the number of runs compared with the first"});
    field(
        "permutations", self.permutations,
        Field{.help = "sign assignments of the randomisation test", .min = 1, .max = 1e9, .value_name = "N"});
    field("seed", self.seed, Field{.help = "random seed of that test", .min = 0, .value_name = "N"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo measure_verb = {"measure", "measure runs by relevance judgements, as trec_eval does",
                                      "coppice measure qrels.txt bm25.txt dense.txt -m nDCG@10 -m R@1000"};

int run_measure(const MeasureOptions& options);

}  // namespace coppice
