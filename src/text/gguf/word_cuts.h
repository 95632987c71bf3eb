#pragma once
// How GGUF names the cut into words of byte-level BPE tokenizers: `tokenizer.ggml.pre` stands for what a
// tokenizer.json spells out as normalizer and pre-tokenizer.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace coppice {

struct WordCut {
  std::vector<std::string> names;  // the first is the one that is written
  Json normalizer;                 // null or a component of a tokenizer.json
  Json pre_tokenizer;
  bool ignore_merges = false;
  bool add_bos = false;  // unless `tokenizer.ggml.add_bos_token` says otherwise
};

// An unknown name is an Error that lists the known ones.
const WordCut& word_cut(const std::string& name, const std::string& where);

// The cut that a tokenizer.json describes, or nullptr if GGUF has no name for it that we know.
const WordCut* find_word_cut(const Json& normalizer, const Json& pre_tokenizer, bool ignore_merges);

}  // namespace coppice
