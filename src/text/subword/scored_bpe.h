#pragma once
// Byte-pair encoding without a list of merges, as SentencePiece has it (Kudo and Richardson 2018): any two
// neighbours whose concatenation is a piece may merge, those with the highest score first.

#include <limits>
#include <unordered_map>
#include <vector>

#include "text/subword/byte_tokens.h"
#include "text/subword/merge_symbols.h"
#include "text/subword/piece_trie.h"
#include "text/subword/scored_piece.h"
#include "text/subword/subword_model.h"
#include "text/subword/word_cache.h"

namespace coppice {

class ScoredBpeModel : public SubwordModel {
 public:
  // One of the pieces is the unknown one. `pieces` are distinct.
  ScoredBpeModel(const std::vector<ScoredPiece>& pieces, bool byte_fallback, const std::string& where);

  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  void encode_traced(std::string_view text, std::vector<SubwordToken>& tokens) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  // A symbol of a text. Its id is that of a piece, or, for a character that only occurs inside pieces, a number
  // beyond the vocabulary, or `stranger`.
  static constexpr TokenId stranger = std::numeric_limits<TokenId>::max();

  void name_characters(const std::vector<ScoredPiece>& pieces);
  void find_merges(const std::vector<ScoredPiece>& pieces);
  // Tokens are appended with their bytes of the word.
  void encode_word(std::string_view word, std::vector<SubwordToken>& tokens) const;
  void append(TokenId symbol, std::string_view word, TextRange range,
              std::vector<SubwordToken>& tokens) const;
  size_t append_split(TokenId symbol, std::string_view word, size_t begin, const SymbolSplits& splits,
                      std::vector<SubwordToken>& tokens) const;
  size_t symbol_bytes(TokenId symbol, std::string_view text) const;

  Vocabulary vocabulary_;
  TokenId unknown_ = -1;
  bool byte_fallback_, cuttable_ = true, has_unused_ = false;
  std::unordered_map<char32_t, TokenId> characters_;
  std::vector<bool> unused_;
  MergeTable merges_;
  PieceTrie user_defined_;
  ByteTokens byte_tokens_;
  mutable WordCache cache_;
};

}  // namespace coppice
