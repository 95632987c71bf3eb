#pragma once

#include "cli/verb.h"

namespace coppice {

struct ParityOptions {
  std::filesystem::path model;
  std::string prompt = "Once upon a time there was a little girl who lived near the forest.";
  std::filesystem::path trace;
  double tolerance = 1e-4;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model,
          Field{.help = "model directory", .required = true, .positional = true, .value_name = "DIR"});
    field("prompt", self.prompt,
          Field{.help = "text to run through both halves", .positional = true, .value_name = "TEXT"});
    field("trace", self.trace,
          Field{.help = "write the activations as DIR/runtime.safetensors and DIR/lab.safetensors",
                .value_name = "DIR"});
    field("tolerance", self.tolerance, Field{.help = "largest absolute difference that passes", .min = 0});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo parity_verb = {
    "parity", "run a model in the runtime and in the lab and compare every activation by name",
    "coppice parity path/to/model \"Once upon a time\""};

int run_parity(const ParityOptions& options);  // cli/lab/parity.cpp

}  // namespace coppice
