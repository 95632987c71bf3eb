#pragma once

#include "cli/verb.h"
#include "model/gguf/export_gguf.h"

namespace coppice {

struct ExportOptions {
  std::filesystem::path model, out;
  GgufWeights type = GgufWeights::f16;
  bool overwrite = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model,
          Field{.help = "model directory or GGUF file",
                .required = true,
                .positional = true,
                .value_name = "MODEL"});
    field("out", self.out,
          Field{.help = "GGUF file to write", .required = true, .value_name = "FILE", .short_name = "-o"});
    field("type", self.type, Field{.help = "type of the matrices", .value_name = "TYPE"});
    field("overwrite", self.overwrite, Field{.help = "replace FILE if it exists"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo export_verb = {"export",
                                     "write a model as a GGUF file, which llama.cpp and its kin read",
                                     "coppice export path/to/model -o model.gguf --type q8_0"};

int run_export(const ExportOptions& options);

}  // namespace coppice
