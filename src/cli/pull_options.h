#pragma once

#include "cli/verb.h"

namespace coppice {

struct PullOptions {
  std::string repository, revision = "main", endpoint;
  std::filesystem::path out;
  bool overwrite = false, dry_run = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field(
        "repository", self.repository,
        Field{
            .help = "the model on the hub", .required = true, .positional = true, .value_name = "ORG/NAME"});
    field("out", self.out,
          Field{.help = "directory to write (default: NAME)", .value_name = "DIR", .short_name = "-o"});
    field("revision", self.revision, Field{.help = "branch, tag or commit", .value_name = "REV"});
    field("endpoint", self.endpoint,
          Field{.help =
                    "the hub (default: COPPICE_HUB_ENDPOINT, else HF_ENDPOINT, else https://huggingface.co)",
                .value_name = "URL"});
    field("overwrite", self.overwrite, Field{.help = "replace DIR if it exists"});
    field("dry_run", self.dry_run, Field{.help = "list the files and their sizes, write nothing"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo pull_verb = {"pull", "fetch a model from the Hugging Face Hub",
                                   "coppice pull HuggingFaceTB/SmolLM2-135M -o smollm"};

int run_pull(const PullOptions& options);

}  // namespace coppice
