#pragma once

#include "cli/verb.h"
#include "model/arch/families.h"
#include "model/gguf/export_gguf.h"

namespace coppice {

struct ExportOptions {
  std::filesystem::path model, out;
  std::optional<GgufWeights> type;
  std::optional<ExpertTensors> experts;
  bool overwrite = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model, model_argument());
    field("out", self.out,
          Field{.help = "GGUF file to write; with --experts a directory",
                .required = true,
                .value_name = "OUT",
                .short_name = "-o"});
    field("type", self.type, Field{.help = "type of the matrices (default: f16)", .value_name = "TYPE"});
    field("experts", self.experts,
          Field{.help = "write a model directory of the same numbers instead, with a tensor for each matrix "
                        "of an expert, or "
                        "packed by layer as in Transformers 5"});
    field("overwrite", self.overwrite, Field{.help = "replace OUT if it exists"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo export_verb = {"export",
                                     "write a model as a GGUF file, which llama.cpp and its kin read",
                                     "coppice export path/to/model -o model.gguf --type q8_0"};

int run_export(const ExportOptions& options);

}  // namespace coppice
