#pragma once

#include "cli/verb.h"

namespace coppice {

struct TrainTokenizerOptions {
  std::vector<std::filesystem::path> files;
  std::filesystem::path out;
  int64_t vocab_size = 4096, min_frequency = 2;
  std::vector<std::string> special = {"<unk>", "<s>", "</s>"};
  bool no_bos = false, overwrite = false;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("files", self.files,
          Field{.help = "text files", .required = true, .positional = true, .value_name = "FILE…"});
    field("vocab_size", self.vocab_size,
          Field{.help = "tokens in all: special ones, 256 bytes, merges",
                .min = 256,
                .max = 1 << 22,
                .value_name = "N"});
    field("min_frequency", self.min_frequency,
          Field{.help = "a pair that occurs less often is not merged", .min = 1, .value_name = "N"});
    field("special", self.special,
          Field{.help = "special tokens, ids from 0; may be repeated", .value_name = "TOKEN"});
    field("no_bos", self.no_bos, Field{.help = "do not put <s> before every text"});
    field("out", self.out,
          Field{.help = "directory to write", .required = true, .value_name = "DIR", .short_name = "-o"});
    field("overwrite", self.overwrite, Field{.help = "replace DIR if it exists"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo train_tokenizer_verb = {
    "train tokenizer", "train a byte-level BPE tokenizer on text",
    "coppice train tokenizer stories.txt --vocab-size 4096 -o tokenizer"};

int run_train_tokenizer(const TrainTokenizerOptions& options);

}  // namespace coppice
