#pragma once
// A text, or a pair of texts, as tokens with all that models and callers ask of them.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "text/text_range.h"
#include "text/vocabulary.h"

namespace coppice {

// All lists are as long as `ids`.
struct Encoding {
  static constexpr int32_t added = -1;

  std::vector<TokenId> ids;
  std::vector<int32_t> types;      // segment number, as the model's template gives it
  std::vector<int32_t> texts;      // 0 the first text, 1 the second, `added` for tokens of no text
  std::vector<TextRange> offsets;  // bytes of that text; {0, 0} for added tokens
  std::vector<int32_t> mask;       // 1, of padding 0

  size_t size() const { return ids.size(); }
  void push_back(TokenId id, TextRange offset, int32_t text, int32_t type);
  void append(const Encoding& other, int32_t text, int32_t type);
  // Keeps `count` tokens of the beginning, or of the end.
  void keep(size_t count, bool of_the_end);
};

// Byte offsets of well-formed UTF-8 as offsets in characters: the characters that a range touches.
std::vector<TextRange> in_characters(std::string_view text, std::span<const TextRange> offsets);

// A place of a template: one of the texts, or a token that the model wants there.
struct TemplatePart {
  int32_t text = Encoding::added;
  TokenId id = -1;
  int32_t type = 0;
};

enum class TextSide { left, right };
enum class TruncationStrategy { longest_first, only_first, only_second };

template <>
struct EnumNames<TextSide> {
  static constexpr auto values =
      std::to_array<std::pair<TextSide, const char*>>({{TextSide::left, "Left"}, {TextSide::right, "Right"}});
};

template <>
struct EnumNames<TruncationStrategy> {
  static constexpr auto values = std::to_array<std::pair<TruncationStrategy, const char*>>(
      {{TruncationStrategy::longest_first, "LongestFirst"},
       {TruncationStrategy::only_first, "OnlyFirst"},
       {TruncationStrategy::only_second, "OnlySecond"}});
};

// tokenizer.json's "truncation".
struct Truncation {
  int64_t max_length = 512, stride = 0;
  TruncationStrategy strategy = TruncationStrategy::longest_first;
  TextSide direction = TextSide::right;

  static void fields(auto& self, auto&& field) {
    field("max_length", self.max_length,
          Field{.help = "tokens at most, added ones included", .min = 0, .required = true});
    field("stride", self.stride,
          Field{.help = "overlap of the pieces that are cut off, which we do not give", .min = 0});
    field("strategy", self.strategy, Field{.help = "which text of a pair is cut"});
    field("direction", self.direction, Field{.help = "the side that is cut"});
  }
};

// tokenizer.json's "padding".
struct Padding {
  std::optional<int64_t> length;  // nothing: as long as the longest of the batch
  std::optional<int64_t> pad_to_multiple_of;
  TokenId pad_id = 0;
  int32_t pad_type_id = 0;
  std::string pad_token = "[PAD]";
  TextSide direction = TextSide::right;

  // All but `length`, which the file has as a strategy.
  static void fields(auto& self, auto&& field) {
    field("direction", self.direction, Field{.help = "the side that is padded"});
    field("pad_to_multiple_of", self.pad_to_multiple_of,
          Field{.help = "the length is a multiple of this", .min = 1, .max = 1 << 20});
    field("pad_id", self.pad_id, Field{.help = "id of padding", .min = 0});
    field("pad_type_id", self.pad_type_id, Field{.help = "segment number of padding", .min = 0});
    field("pad_token", self.pad_token, Field{.help = "spelling of padding"});
  }
};

// Cuts one text, or two, to `room` tokens together. A strategy that would need to cut more than its text has is an
// Error.
void truncate(Encoding& first, Encoding* second, size_t room, const Truncation& truncation);

// Makes all encodings of a batch equally long.
void pad(std::span<Encoding> batch, const Padding& padding);

// Puts texts into the places of a template; `second` may be missing if the template does not ask for it.
Encoding fill_template(std::span<const TemplatePart> parts, const Encoding& first, const Encoding* second);

}  // namespace coppice
