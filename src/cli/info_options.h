#pragma once

#include "cli/verb.h"

namespace coppice {

struct InfoOptions {
  std::filesystem::path model;
  bool tensors = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model, model_argument());
    field("tensors", self.tensors, Field{.help = "list every tensor: name, type, shape, bytes"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo info_verb = {"info", "tell what a model is: family, sizes, experts, parameters",
                                   "coppice info path/to/model"};

int run_info(const InfoOptions& options);

}  // namespace coppice
