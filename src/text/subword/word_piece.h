#pragma once
// WordPiece (Schuster and Nakajima 2012, as in BERT, Devlin et al. 2018): from left to right the longest token that
// the rest of the word begins with; pieces behind the first are spelled with a prefix. A word that cannot be covered,
// or that is too long, is one unknown token.

#include <string>
#include <vector>

#include "base/fields.h"
#include "text/subword/piece_trie.h"
#include "text/subword/subword_model.h"
#include "text/subword/word_cache.h"

namespace coppice {

struct WordPieceOptions {
  std::string unk_token = "[UNK]", continuing_subword_prefix = "##";
  int64_t max_input_chars_per_word = 100;

  static void fields(auto& self, auto&& field) {
    field("unk_token", self.unk_token, Field{.help = "stands for words that cannot be covered"});
    field("continuing_subword_prefix", self.continuing_subword_prefix,
          Field{.help = "before every piece but the first"});
    field("max_input_chars_per_word", self.max_input_chars_per_word,
          Field{.help = "longer words are unknown", .min = 0});
  }
};

class WordPieceModel : public SubwordModel {
 public:
  // A vocabulary without the unknown token is an Error.
  WordPieceModel(const WordPieceOptions& options, Vocabulary vocabulary, const std::string& where);

  void encode(std::string_view word, std::vector<TokenId>& ids) const override;
  void encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  WordPieceOptions options_;
  Vocabulary vocabulary_;
  PieceTrie first_, later_;  // values are ids
  TokenId unknown_;
  mutable WordCache cache_;
};

}  // namespace coppice
