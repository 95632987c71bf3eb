#pragma once
// The content of a tokenizer.model: a ModelProto of SentencePiece (sentencepiece_model.proto).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalize/charsmap.h"
#include "text/subword/scored_piece.h"

namespace coppice {

enum class SentencePieceKind { unigram = 1, bpe, word, character };

struct SentencePieceNormalization {
  std::string charsmap;  // as stored
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;  // spaces are written as U+2581
};

struct SentencePieceModel {
  std::vector<ScoredPiece> pieces;
  SentencePieceKind kind = SentencePieceKind::unigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  std::string bos = "<s>", eos = "</s>";
  std::string unknown_surface = " \u2047 ";  // what the unknown piece decodes to
  TokenId unknown = -1;
  SentencePieceNormalization normalization;
  std::optional<SentencePieceNormalization> denormalization;
};

// Throws an Error naming `where` unless `bytes` is a ModelProto whose lengths, pieces and scores are sound,
// with one unknown piece and, for byte fallback, all 256 byte pieces.
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where);

// The same checks for pieces from elsewhere; finds `unknown`.
void check_pieces(SentencePieceModel& model, const std::string& where);

}  // namespace coppice
