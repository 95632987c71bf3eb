#pragma once

#include "text/pattern.h"

namespace coppice {

// Of the normalizer and the decoder that replace what a pattern matches.
struct ReplaceOptions {
  PatternOptions pattern;
  std::string content;
  static void fields(auto& self, auto&& field) {
    field("pattern", self.pattern, Field{.help = "what is replaced", .required = true});
    field("content", self.content, Field{.help = "what takes its place", .required = true});
  }
};

}  // namespace coppice
