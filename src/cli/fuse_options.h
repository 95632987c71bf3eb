#pragma once

#include "cli/verb.h"
#include "index/fuse/fusion.h"

namespace coppice {

struct FuseOptions {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path output;
  FusionSpec fusion;
  int64_t k = 1000;
  std::optional<int64_t> depth;
  std::string tag = "coppice";
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("runs", self.runs,
          Field{.help = "runs, as trec_eval reads them",
                .required = true,
                .positional = true,
                .value_name = "RUN"});
    field("output", self.output,
          Field{.help = "the fused run (default: standard output, with --json as hits)",
                .value_name = "FILE",
                .short_name = "-o"});
    FusionSpec::fields(self.fusion, field);
    field("k", self.k,
          Field{.help = "documents to keep of a query", .min = 1, .value_name = "N", .short_name = "-k"});
    field(
        "depth", self.depth,
        Field{.help = "documents to take of each run and query (default: all)", .min = 1, .value_name = "N"});
    field("tag", self.tag, Field{.help = "last column of the run", .value_name = "NAME"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo fuse_verb = {"fuse", "make one run of several",
                                   "coppice fuse bm25.run dense.run --fuse rrf -o fused.run"};

int run_fuse(const FuseOptions& options);

}  // namespace coppice
