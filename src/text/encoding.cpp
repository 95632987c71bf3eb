#include "text/encoding.h"

#include <algorithm>

#include "base/error.h"

namespace coppice {
namespace {

template <class T>
void keep_part(std::vector<T>& list, size_t count, bool of_the_end) {
  if (of_the_end)
    list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(count));
  else
    list.resize(count);
}

// How many tokens of each text remain: the longer one is cut first.
std::pair<size_t, size_t> shares(size_t first, size_t second, size_t room) {
  const size_t shorter = std::min(first, second);
  if (shorter <= room / 2)
    return first <= second ? std::pair{first, room - first} : std::pair{room - second, second};
  // The odd token goes to the longer text.
  return first <= second ? std::pair{room / 2, room - room / 2} : std::pair{room - room / 2, room / 2};
}

void shorten(Encoding& text, size_t by, const Truncation& truncation) {
  if (by >= text.size())
    throw Error({.where = "truncation",
                 .found = fmt::format("a text of {} tokens where {} must go", text.size(), by),
                 .expected = "a text that is long enough",
                 .advice = "use the strategy LongestFirst or a larger max_length"});
  text.keep(text.size() - by, truncation.direction == TextSide::left);
}

template <class T>
void pad_list(std::vector<T>& list, size_t count, const T& value, TextSide side) {
  list.insert(side == TextSide::left ? list.begin() : list.end(), count, value);
}

}  // namespace

void Encoding::push_back(TokenId id, TextRange offset, int32_t text, int32_t type) {
  ids.push_back(id);
  offsets.push_back(offset);
  texts.push_back(text);
  types.push_back(type);
  mask.push_back(1);
}

void Encoding::append(const Encoding& other, int32_t text, int32_t type) {
  for (size_t i = 0; i < other.size(); ++i) push_back(other.ids[i], other.offsets[i], text, type);
}

void Encoding::keep(size_t count, bool of_the_end) {
  keep_part(ids, count, of_the_end);
  keep_part(types, count, of_the_end);
  keep_part(texts, count, of_the_end);
  keep_part(offsets, count, of_the_end);
  keep_part(mask, count, of_the_end);
}

std::vector<TextRange> in_characters(std::string_view text, std::span<const TextRange> offsets) {
  std::vector<size_t> before(text.size() + 1);  // characters that begin before a byte
  for (size_t i = 0; i < text.size(); ++i)
    before[i + 1] = before[i] + ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80 ? 1 : 0);
  const auto inside = [&](size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  std::vector<TextRange> characters;
  for (const auto& [begin, end] : offsets)
    characters.push_back({before[begin] - (inside(begin) ? 1 : 0), before[end]});
  return characters;
}

void truncate(Encoding& first, Encoding* second, size_t room, const Truncation& truncation) {
  const size_t total = first.size() + (second != nullptr ? second->size() : 0);
  if (total <= room) return;
  const bool left = truncation.direction == TextSide::left;
  switch (truncation.strategy) {
    case TruncationStrategy::longest_first: {
      const auto [one, two] = shares(first.size(), second != nullptr ? second->size() : 0, room);
      first.keep(one, left);
      if (second != nullptr) second->keep(two, left);
      break;
    }
    case TruncationStrategy::only_first:
      shorten(first, total - room, truncation);
      break;
    case TruncationStrategy::only_second:
      if (second == nullptr)
        throw Error(
            {.where = "truncation", .found = "OnlySecond for a single text", .expected = "a pair of texts"});
      shorten(*second, total - room, truncation);
      break;
  }
}

void pad(std::span<Encoding> batch, const Padding& padding) {
  size_t length = static_cast<size_t>(padding.length.value_or(0));
  if (!padding.length)
    for (const auto& encoding : batch) length = std::max(length, encoding.size());
  if (const auto multiple = static_cast<size_t>(padding.pad_to_multiple_of.value_or(0)); multiple > 0)
    length = (length + multiple - 1) / multiple * multiple;
  for (auto& encoding : batch) {
    if (encoding.size() >= length) continue;
    const size_t missing = length - encoding.size();
    pad_list(encoding.ids, missing, padding.pad_id, padding.direction);
    pad_list(encoding.types, missing, padding.pad_type_id, padding.direction);
    pad_list(encoding.texts, missing, Encoding::added, padding.direction);
    pad_list(encoding.offsets, missing, TextRange{}, padding.direction);
    pad_list(encoding.mask, missing, int32_t{0}, padding.direction);
  }
}

Encoding fill_template(std::span<const TemplatePart> parts, const Encoding& first, const Encoding* second) {
  Encoding result;
  for (const auto& part : parts) {
    if (part.text == Encoding::added)
      result.push_back(part.id, {}, Encoding::added, part.type);
    else if (part.text == 0)
      result.append(first, 0, part.type);
    else if (second != nullptr)
      result.append(*second, 1, part.type);
  }
  return result;
}

}  // namespace coppice
