#pragma once

#include "cli/run_options.h"

namespace coppice {

struct EvalOptions {
  std::filesystem::path model, text;
  std::optional<int64_t> ctx, stride, limit;
  RuntimeOptions runtime;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model, model_argument());
    field("text", self.text, Field{.help = "text file to predict", .required = true, .value_name = "FILE"});
    field("ctx", self.ctx,
          Field{.help = "tokens of a window (default: the model's context)", .min = 2, .value_name = "N"});
    field("stride", self.stride,
          Field{.help = "tokens from one window to the next (default: a whole window)",
                .min = 1,
                .value_name = "N"});
    field("limit", self.limit,
          Field{.help = "use only the first so many windows", .min = 1, .value_name = "N"});
    RuntimeOptions::fields(self.runtime, field);
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo eval_verb = {"eval", "measure how well a model predicts a text",
                                   "coppice eval path/to/model --text held-out.txt"};

int run_eval(const EvalOptions& options);

}  // namespace coppice
