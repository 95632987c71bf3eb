#pragma once

#include "cli/verb.h"

namespace coppice {

struct MeasureOverlapOptions {
  std::vector<std::filesystem::path> runs;
  std::vector<int64_t> k = {10, 100};
  double p = 0.9;
  bool per_query = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("runs", self.runs,
          Field{.help = "two runs or more in TREC form; each is compared with the first",
                .required = true,
                .positional = true,
                .value_name = "RUN"});
    field("k", self.k,
          Field{.help = "depths at which the sets of documents are compared",
                .min = 1,
                .value_name = "N",
                .short_name = "-k"});
    field("p", self.p,
          Field{.help = "chance to look one rank deeper, in rank-biased overlap",
                .min = 0,
                .max = 0.9999,
                .above_min = true});
    field("per_query", self.per_query,
          Field{.help = "print the values of every query too", .short_name = "-q"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo measure_overlap_verb = {"measure overlap", "how alike the rankings of runs are",
                                              "coppice measure overlap bm25.txt dense.txt"};

int run_measure_overlap(const MeasureOverlapOptions& options);

}  // namespace coppice
