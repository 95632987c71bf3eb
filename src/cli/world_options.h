#pragma once

#include "cli/verb.h"
#include "lab/world/options.h"

namespace coppice {

struct WorldTextOptions {
  std::filesystem::path output;
  std::string domain = "all";
  int64_t bytes = 4000000;
  lab::Split split = lab::Split::train;
  uint64_t seed = 0;
  lab::WorldOptions world;
  bool list = false, overwrite = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("output", self.output,
          Field{.help = "file to write the text to", .value_name = "FILE", .short_name = "-o"});
    field("domain", self.domain,
          Field{.help = "a domain, all, or a mixture with weights: stories:3,laws:1", .value_name = "NAME"});
    field("bytes", self.bytes,
          Field{.help = "how much text to write", .min = 1, .max = 4e9, .value_name = "N"});
    field("split", self.split, Field{.help = "the two splits of a world share no document"});
    field("seed", self.seed, Field{.help = "which documents to tell", .value_name = "N"});
    lab::WorldOptions::fields(self.world, field);
    field("list", self.list, Field{.help = "only list the domains"});
    field("overwrite", self.overwrite, Field{.help = "replace an existing output"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo world_verb = {
    "world", "write text about an invented world whose facts are known, in several domains",
    "coppice world -o stories.txt --domain stories --bytes 1000000"};

int run_world(const WorldTextOptions& options);

}  // namespace coppice
