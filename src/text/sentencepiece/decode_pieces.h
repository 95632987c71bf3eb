#pragma once
// The text of pieces, as SentencePiece joins them.

#include <span>
#include <string>

#include "text/sentencepiece/model.h"

namespace coppice {

// `ids` are ids of pieces. The space that normalization put before the text is taken away again; malformed bytes
// of byte pieces become U+FFFD each. Control pieces give no text, the unknown piece its surface; with
// `skip_special` false both give their spelling.
std::string decode_pieces(const SentencePieceModel& model, std::span<const TokenId> ids, bool skip_special);

}  // namespace coppice
