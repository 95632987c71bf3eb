#pragma once
// SentencePiece models as protocol buffer bytes, and libsentencepiece, which says what they mean.

#include <bit>
#include <memory>
#include <string>
#include <vector>

#include <sentencepiece_processor.h>

#include "support.h"
#include "text/subword/scored_piece.h"
#include "text/tokenizer.h"

namespace coppice::test {

inline std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

inline std::string number_field(uint32_t number, uint64_t value) {
  return varint(number << 3) + varint(value);
}

inline std::string bytes_field(uint32_t number, const std::string& bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}

inline std::string float_field(uint32_t number, float value) {
  std::string bytes = varint(number << 3 | 5);
  for (uint32_t bits = std::bit_cast<uint32_t>(value), i = 0; i < 4; ++i, bits >>= 8)
    bytes.push_back(static_cast<char>(bits));
  return bytes;
}

struct ModelRecipe {
  std::vector<ScoredPiece> pieces;
  int kind = 1;  // 1 unigram, 2 BPE
  bool byte_fallback = false, suffix = false;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
  std::string charsmap;
};

inline std::string model_bytes(const ModelRecipe& recipe) {
  std::string bytes;
  for (const auto& piece : recipe.pieces)
    bytes += bytes_field(1, bytes_field(1, piece.text) + float_field(2, piece.score) +
                                number_field(3, static_cast<uint64_t>(piece.kind)));
  bytes += bytes_field(2, number_field(3, static_cast<uint64_t>(recipe.kind)) +
                              number_field(24, recipe.suffix) + number_field(35, recipe.byte_fallback));
  bytes += bytes_field(3, bytes_field(2, recipe.charsmap) + number_field(3, recipe.add_dummy_prefix) +
                              number_field(4, recipe.remove_extra_whitespaces) +
                              number_field(5, recipe.escape_whitespaces));
  return bytes;
}

class Oracle {
 public:
  explicit Oracle(const std::string& bytes) {
    const auto status = processor_.LoadFromSerializedProto(bytes);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  std::vector<TokenId> encode(const std::string& text) const {
    std::vector<int> ids;
    EXPECT_TRUE(processor_.Encode(text, &ids).ok());
    return ids;
  }
  std::string decode(const std::vector<TokenId>& ids) const {
    std::string text;
    EXPECT_TRUE(processor_.Decode(ids, &text).ok());
    return text;
  }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace coppice::test
