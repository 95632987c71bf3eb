#include "text/sentencepiece/decode_pieces.h"

#include "base/strings.h"

namespace coppice {
namespace {

constexpr std::string_view space_mark = "▁";

char byte_of(const std::string& spelling) {
  return static_cast<char>(std::stoi(spelling.substr(3, 2), nullptr, 16));
}

void append_with_spaces(std::string_view piece, std::string& text) {
  for (size_t mark; (mark = piece.find(space_mark)) != piece.npos;) {
    text += piece.substr(0, mark);
    text += ' ';
    piece.remove_prefix(mark + space_mark.size());
  }
  text += piece;
}

}  // namespace

std::string decode_pieces(const SentencePieceModel& model, std::span<const TokenId> ids, bool skip_special) {
  const SentencePieceNormalization& spec = model.normalization;
  const bool strips = spec.add_dummy_prefix || spec.remove_extra_whitespaces;
  std::string text, bytes;
  bool at_start = true;
  for (size_t i = 0; i <= ids.size(); ++i) {
    const ScoredPiece* piece = i < ids.size() ? &model.pieces[static_cast<size_t>(ids[i])] : nullptr;
    if (piece != nullptr && piece->kind == PieceKind::byte) {
      bytes += byte_of(piece->text);
      continue;
    }
    text += to_utf8(bytes);
    bytes.clear();
    at_start = at_start && text.empty();
    if (piece == nullptr) break;
    if (piece->kind == PieceKind::control || piece->kind == PieceKind::unknown) {
      if (!skip_special)
        text += piece->text;
      else if (piece->kind == PieceKind::unknown)
        text += model.unknown_surface;
      continue;
    }
    std::string_view rest = piece->text;
    if (at_start && strips && rest.starts_with(space_mark)) {
      rest.remove_prefix(space_mark.size());
      at_start = spec.remove_extra_whitespaces;  // then all leading spaces go
    }
    append_with_spaces(rest, text);
  }
  return text;
}

}  // namespace coppice
