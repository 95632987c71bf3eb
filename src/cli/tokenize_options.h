#pragma once

#include "cli/verb.h"

namespace coppice {

struct TokenizeOptions {
  std::filesystem::path model, file;
  std::string text;
  std::optional<std::string> decode;
  bool no_special = false, lines = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("model", self.model, model_argument());
    field("text", self.text, Field{.help = "text to encode", .positional = true, .value_name = "TEXT"});
    field("file", self.file, Field{.help = "encode this file's text", .value_name = "FILE"});
    field("decode", self.decode,
          Field{.help = "decode these ids, separated by commas or spaces", .value_name = "IDS"});
    field("no_special", self.no_special,
          Field{.help = "add no special tokens when encoding, leave none out when decoding"});
    field("lines", self.lines,
          Field{.help = "every line of --file is a JSON string and a text of its own, and so is its result"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo tokenize_verb = {"tokenize", "turn text into token ids, or ids into text",
                                       "coppice tokenize path/to/model \"Once upon a time\""};

int run_tokenize(const TokenizeOptions& options);

}  // namespace coppice
