#pragma once
// A piece of a SentencePiece model; its id is its place in the list.

#include <string>
#include <vector>

#include "text/vocabulary.h"

namespace coppice {

enum class PieceKind { normal = 1, unknown, control, user_defined, unused, byte };

struct ScoredPiece {
  std::string text;
  float score = 0;
  PieceKind kind = PieceKind::normal;

  // Pieces of the other kinds are never found in a text.
  bool is_textual() const {
    return kind == PieceKind::normal || kind == PieceKind::user_defined || kind == PieceKind::unused;
  }
};

inline Vocabulary vocabulary_of(const std::vector<ScoredPiece>& pieces, const std::string& where) {
  std::vector<Vocabulary::Entry> entries;
  for (const auto& piece : pieces) entries.emplace_back(piece.text, static_cast<int64_t>(entries.size()));
  return Vocabulary(std::move(entries), where);
}

}  // namespace coppice
