#pragma once
// tokenizer.json as read: its vocabulary, which may have hundreds of thousands of entries, is kept apart from
// the rest.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/vocabulary.h"

namespace coppice {

struct TokenizerJson {
  Json rest;                                            // everything but model.vocab
  std::optional<std::vector<Vocabulary::Entry>> vocab;  // model.vocab, if it is an object of ids
};

// Depth is bounded and duplicate keys are Errors, as for all JSON that Coppice reads.
TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& where);

}  // namespace coppice
