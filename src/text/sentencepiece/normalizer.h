#pragma once
// SentencePiece's normalization (Kudo and Richardson 2018): characters are replaced by its map, white space is
// tidied up and made visible.

#include <string>
#include <string_view>

#include "text/normalize/charsmap.h"
#include "text/rewrite.h"
#include "text/sentencepiece/model.h"
#include "text/subword/piece_trie.h"

namespace coppice {

class SentencePieceNormalizer {
 public:
  // User-defined pieces among `pieces` are kept as they are.
  SentencePieceNormalizer(const SentencePieceNormalization& spec, bool whitespace_as_suffix,
                          const std::vector<ScoredPiece>& pieces, const std::string& where);

  // `text`: any bytes; each malformed one becomes U+FFFD. The result is well-formed.
  std::string apply(std::string_view text) const;
  // The same with the origins of its bytes.
  TracedText trace(std::string_view text) const;

 private:
  void apply(Rewrite& rewrite) const;
  struct Step {
    size_t length;          // bytes of the text
    std::string_view text;  // what they become
  };
  Step first_step(std::string_view text) const;
  void append(std::string_view text, TextRange from, Rewrite& rewrite) const;

  SentencePieceNormalization spec_;
  bool suffix_;
  Charsmap map_;
  PieceTrie user_defined_;
  std::string_view space_;
};

}  // namespace coppice
