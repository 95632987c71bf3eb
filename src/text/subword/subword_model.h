#pragma once
// Subword models: a word -> ids. One file each; `subword_models()` is the list.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "base/registry.h"
#include "text/text_range.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary.h"

namespace coppice {

// A token and the bytes of the word that it stands for.
struct SubwordToken {
  TokenId id = -1;
  TextRange range;
};

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Appends the ids of one word, which is well-formed UTF-8 and not empty.
  virtual void encode(std::string_view word, std::vector<TokenId>& ids) const = 0;
  // The same tokens with their places.
  virtual void encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
};

// Takes what it needs of document.rest["model"] and document.vocab.
using SubwordMaker = std::unique_ptr<SubwordModel> (*)(TokenizerJson& document, const std::string& where);

const Registry<SubwordMaker>& subword_models();

// The vocabulary of a model that has one as an object; a missing one is an Error.
Vocabulary take_vocabulary(TokenizerJson& document, const std::string& where);

// The options of a model beside its vocabulary; unknown keys are Errors.
template <Visitable Options>
Options read_model_options(const TokenizerJson& document, const std::string& where) {
  Json rest = document.rest["model"];
  rest.erase("type");
  return from_json<Options>(rest, where);
}

std::unique_ptr<SubwordModel> make_bpe_model(TokenizerJson& document, const std::string& where);
std::unique_ptr<SubwordModel> make_unigram_model(TokenizerJson& document, const std::string& where);
std::unique_ptr<SubwordModel> make_word_piece_model(TokenizerJson& document, const std::string& where);
std::unique_ptr<SubwordModel> make_word_level_model(TokenizerJson& document, const std::string& where);

}  // namespace coppice
