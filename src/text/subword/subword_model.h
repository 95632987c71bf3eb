#pragma once
// Subword models: a word -> ids. One file each; `subword_models()` is the list.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/registry.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary.h"

namespace coppice {

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Appends the ids of one word, which is well-formed UTF-8 and not empty.
  virtual void encode(std::string_view word, std::vector<TokenId>& ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
};

// Takes what it needs of document.rest["model"] and document.vocab.
using SubwordMaker = std::unique_ptr<SubwordModel> (*)(TokenizerJson& document, const std::string& where);

const Registry<SubwordMaker>& subword_models();

std::unique_ptr<SubwordModel> make_bpe_model(TokenizerJson& document, const std::string& where);
std::unique_ptr<SubwordModel> make_unigram_model(TokenizerJson& document, const std::string& where);

}  // namespace coppice
