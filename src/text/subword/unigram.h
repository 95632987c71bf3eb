#pragma once
// The unigram language model (Kudo 2018, "Subword Regularization"): of all ways to cut a word into pieces, the
// one whose scores (log probabilities) have the greatest sum.

#include <optional>
#include <string>
#include <vector>

#include "text/subword/byte_tokens.h"
#include "text/subword/piece_trie.h"
#include "text/subword/subword_model.h"
#include "text/subword/word_cache.h"

namespace coppice {

// Whose details are followed. SentencePiece adds scores in single precision; Hugging Face in double, and it looks
// a run of unknown characters up in the vocabulary once more.
enum class UnigramStyle { sentencepiece, hugging_face };

struct UnigramOptions {
  UnigramStyle style = UnigramStyle::hugging_face;
  std::optional<TokenId>
      unknown;               // of a run of characters that no piece covers; without it such text is an Error
  double unknown_score = 0;  // of every such character
  bool byte_fallback = false;  // unknown characters become their bytes' tokens, if all are there
};

class UnigramModel : public SubwordModel {
 public:
  static constexpr double unknown_penalty = 10;  // below the lowest score

  // `scores`: one per id; a piece without one is never found in a text.
  UnigramModel(UnigramOptions options, Vocabulary vocabulary, std::vector<std::optional<double>> scores,
               std::string where);

  void encode(std::string_view word, std::vector<TokenId>& ids) const override;
  void encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  struct Segment {
    size_t begin, end;
    TokenId id;  // -1: a character that no piece covers
  };

  // The best cut (Viterbi 1967); sums of scores are kept as `Sum`.
  template <class Sum>
  std::vector<Segment> best_segments(std::string_view word) const;
  template <class Visit>
  void for_each_part(std::string_view word, Visit visit) const;
  void encode_new(std::string_view word, std::vector<TokenId>& ids) const;
  void append_unknown(std::string_view run, std::vector<TokenId>& ids) const;

  UnigramOptions options_;
  Vocabulary vocabulary_;
  std::vector<double> scores_;
  PieceTrie trie_;
  ByteTokens byte_tokens_;
  std::string where_;
  mutable WordCache cache_;
};

}  // namespace coppice
