#include "text/analysis/word_break.h"

#include <array>
#include <cstdint>
#include <memory>

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "base/strings.h"
#include "text/utf8.h"

namespace coppice {
namespace {

enum class Class : uint8_t {
  other,
  letter,
  hangul,  // letters too, but told apart for bigrams
  hebrew,
  digit,
  katakana,
  connector,  // ExtendNumLet: the underscore and its like
  mid_letter,
  mid_number,
  mid_both,
  single_quote,
  double_quote,
  extend,  // Extend and Format
  joiner,  // ZWJ
  ideograph,
  south_east,
  regional,
  emoji,
  keycap,  // # and *, words only as keycaps
};

Class find_class(char32_t character) {
  const auto c = static_cast<UChar32>(character);
  const auto rule = u_getIntPropertyValue(c, UCHAR_WORD_BREAK);
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(c, &status);
  if (rule == U_WB_EXTEND || rule == U_WB_FORMAT) return Class::extend;
  if (rule == U_WB_ZWJ) return Class::joiner;
  if (script == USCRIPT_HAN || script == USCRIPT_HIRAGANA) return Class::ideograph;
  switch (rule) {
    case U_WB_ALETTER:
      return script == USCRIPT_HANGUL ? Class::hangul : Class::letter;
    case U_WB_HEBREW_LETTER:
      return Class::hebrew;
    case U_WB_NUMERIC:
      return Class::digit;
    case U_WB_KATAKANA:
      return Class::katakana;
    case U_WB_EXTENDNUMLET:
      return Class::connector;
    case U_WB_MIDLETTER:
      return Class::mid_letter;
    case U_WB_MIDNUM:
      return Class::mid_number;
    case U_WB_MIDNUMLET:
      return Class::mid_both;
    case U_WB_SINGLE_QUOTE:
      return Class::single_quote;
    case U_WB_DOUBLE_QUOTE:
      return Class::double_quote;
    case U_WB_REGIONAL_INDICATOR:
      return Class::regional;
    default:
      break;
  }
  if (u_getIntPropertyValue(c, UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT) return Class::south_east;
  if (c == '#' || c == '*') return Class::keycap;
  // Signs that have an emoji form but are rarely meant so: copyright, registered, trade mark, wavy dash, part mark.
  const bool sign = c == 0xA9 || c == 0xAE || c == 0x2122 || c == 0x3030 || c == 0x303D;
  if (!sign && u_hasBinaryProperty(c, UCHAR_EMOJI)) return Class::emoji;
  return Class::other;
}

// Classes of the first two planes, found once.
constexpr size_t table_size = 0x20000;

const Class* class_table() {
  static const std::unique_ptr<const Class[]> table = [] {
    auto classes = std::make_unique<Class[]>(table_size);
    for (char32_t c = 0; c < table_size; ++c) classes[c] = find_class(c);
    return classes;
  }();
  return table.get();
}

Class class_of(char32_t c) {
  static const Class* const table = class_table();
  return c < table_size ? table[c] : find_class(c);
}

// What the fast path asks about ASCII characters.
enum Ascii : uint8_t {
  alphabetic = 1,
  numeric = 2,
  underscore = 4,
  between_letters = 8,
  between_digits = 16,
  keycap = 32
};

constexpr std::array<uint8_t, 256> ascii_kinds = [] {
  std::array<uint8_t, 256> kinds{};
  for (int c = 'a'; c <= 'z'; ++c)
    kinds[static_cast<size_t>(c)] = kinds[static_cast<size_t>(c - 32)] = alphabetic;
  for (int c = '0'; c <= '9'; ++c) kinds[static_cast<size_t>(c)] = numeric;
  kinds['_'] = underscore;
  kinds[':'] = between_letters;
  kinds[','] = kinds[';'] = between_digits;
  kinds['.'] = kinds['\''] = between_letters | between_digits;
  kinds['#'] = kinds['*'] = keycap;
  return kinds;
}();

constexpr uint8_t in_word = alphabetic | numeric | underscore;

uint8_t ascii_kind(char c) {
  return ascii_kinds[static_cast<unsigned char>(c)];
}

bool is_ascii(char c) {
  return static_cast<signed char>(c) >= 0;
}

}  // namespace

// A character, or a malformed byte, which is of class `other`.
struct BreakCharacter {
  Class kind = Class::other;
  size_t size = 0;   // bytes; 0 at the end of the text
  size_t units = 0;  // UTF-16 units
  char32_t value = 0;
};

namespace {

BreakCharacter character_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  if (is_ascii(text[at])) {
    const auto c = static_cast<char32_t>(text[at]);
    return {class_of(c), 1, 1, c};
  }
  if (utf8_sequence(text.substr(at, 4)) == 0) return {Class::other, 1, 1, 0xFFFD};
  size_t end = at;
  const char32_t c = next_character(text, end);
  return {class_of(c), end - at, c >= 0x10000 ? size_t{2} : size_t{1}, c};
}

bool is_letter_class(Class kind) {
  return kind == Class::letter || kind == Class::hangul || kind == Class::hebrew;
}

// WB5, WB8 to WB10, WB13 to WB13b: no break between two neighbours.
bool joins(Class before, Class after) {
  const auto letter_or_digit = [](Class kind) { return is_letter_class(kind) || kind == Class::digit; };
  if (after == Class::connector)
    return letter_or_digit(before) || before == Class::katakana || before == Class::connector;
  if (before == Class::connector) return letter_or_digit(after) || after == Class::katakana;
  if (before == Class::katakana) return after == Class::katakana;
  return letter_or_digit(before) && letter_or_digit(after);
}

// WB6, WB7, WB7b, WB7c, WB11, WB12: no break around the middle one of three.
bool joins_across(Class before, Class middle, Class after) {
  const bool both = middle == Class::mid_both || middle == Class::single_quote;
  if (is_letter_class(before) && is_letter_class(after))
    return both || middle == Class::mid_letter ||
           (middle == Class::double_quote && before == Class::hebrew && after == Class::hebrew);
  return before == Class::digit && after == Class::digit && (both || middle == Class::mid_number);
}

}  // namespace

// WB4: takes what extends the character before `end`. Tells if the last of it is a joiner.
void WordBreaker::extend(size_t& end, size_t& units, bool& joiner) const {
  joiner = false;
  for (;;) {
    const auto c = character_at(text_, end);
    if ((c.kind != Class::extend && c.kind != Class::joiner) || units + c.units > max_length_) return;
    joiner = c.kind == Class::joiner;
    end += c.size;
    units += c.units;
  }
}

bool WordBreaker::letters(Word& word, BreakCharacter first) {
  Class last = first.kind;
  size_t end = at_ + first.size, units = first.units;
  bool joiner, content = last != Class::connector, katakana = true, hangul = true;
  const auto note = [&](Class kind) {
    content |= kind != Class::connector;
    katakana &= kind == Class::katakana;
    hangul &= kind == Class::hangul;
  };
  note(last);
  extend(end, units, joiner);
  for (;;) {
    const auto next = character_at(text_, end);
    if (next.size == 0 || units + next.units > max_length_) break;
    size_t next_end = end + next.size, next_units = units + next.units;
    if (joins(last, next.kind)) {
      extend(next_end, next_units, joiner);
      note(next.kind);
      last = next.kind;
      end = next_end, units = next_units;
      continue;
    }
    extend(next_end, next_units, joiner);
    const auto after = character_at(text_, next_end);
    if (after.size != 0 && next_units + after.units <= max_length_ &&
        joins_across(last, next.kind, after.kind)) {
      next_end += after.size, next_units += after.units;
      extend(next_end, next_units, joiner);
      note(next.kind), note(after.kind);
      last = after.kind;
      end = next_end, units = next_units;
      continue;
    }
    if (last == Class::hebrew && next.kind == Class::single_quote) {  // WB7a
      size_t quote_end = end + next.size, quote_units = units + next.units;
      extend(quote_end, quote_units, joiner);
      note(next.kind);
      end = quote_end;
    }
    break;
  }
  word.begin = at_;
  word.end = at_ = end;
  word.kind = katakana ? WordKind::katakana : hangul ? WordKind::hangul : WordKind::other;
  return content;
}

bool WordBreaker::any_word(Word& word) {
  const auto first = character_at(text_, at_);
  size_t end = at_ + first.size, units = first.units;
  bool joiner = false;
  const auto take = [&](WordKind kind) {
    word.begin = at_;
    word.end = at_ = end;
    word.kind = kind;
    return true;
  };
  switch (first.kind) {
    case Class::letter:
    case Class::hangul:
    case Class::hebrew:
    case Class::digit:
    case Class::katakana:
    case Class::connector:
      return letters(word, first);
    case Class::ideograph:
      extend(end, units, joiner);
      return take(WordKind::ideograph);
    case Class::south_east:
      for (;;) {
        extend(end, units, joiner);
        const auto next = character_at(text_, end);
        if (next.kind != Class::south_east || units + next.units > max_length_) break;
        end += next.size, units += next.units;
      }
      return take(WordKind::south_east);
    case Class::regional: {
      extend(end, units, joiner);
      const auto second = character_at(text_, end);
      if (second.kind != Class::regional) break;
      end += second.size, units += second.units;
      extend(end, units, joiner);
      return take(WordKind::emoji);
    }
    case Class::emoji:
      for (;;) {
        extend(end, units, joiner);
        const auto next = character_at(text_, end);
        if (!joiner || next.kind != Class::emoji || units + next.units > max_length_) break;
        end += next.size, units += next.units;
      }
      return take(WordKind::emoji);
    case Class::keycap: {
      auto next = character_at(text_, end);
      if (next.value == 0xFE0F) next = character_at(text_, end += next.size);
      if (next.value != 0x20E3) break;
      end += next.size;
      return take(WordKind::emoji);
    }
    default:
      break;
  }
  at_ += first.size;
  return false;
}

bool WordBreaker::next(Word& word) {
  const char* const text = text_.data();
  const size_t size = text_.size();
  while (at_ < size) {
    const uint8_t first = ascii_kind(text[at_]);
    if (!(first & in_word)) {
      if (is_ascii(text[at_]) && !(first & keycap))
        ++at_;
      else if (any_word(word))
        return true;
      continue;
    }
    // An ASCII word. Where a character beyond ASCII follows, which could extend it, the general path decides.
    size_t end = at_;
    uint8_t content = 0;
    bool general = false;
    for (;;) {
      while (end < size && ascii_kind(text[end]) & in_word) content |= ascii_kind(text[end++]);
      if (end == size) break;
      if (!is_ascii(text[end])) {
        general = true;
        break;
      }
      const uint8_t middle = ascii_kind(text[end]);
      if (!(middle & (between_letters | between_digits)) || end + 1 == size) break;
      if (!is_ascii(text[end + 1])) {
        general = true;
        break;
      }
      const uint8_t around = ascii_kind(text[end - 1]) & ascii_kind(text[end + 1]);
      if (!((around & alphabetic && middle & between_letters) ||
            (around & numeric && middle & between_digits)))
        break;
      ++end;
    }
    if (general || end - at_ > max_length_) {
      if (any_word(word)) return true;
      continue;
    }
    word.begin = at_;
    word.end = at_ = end;
    word.kind = WordKind::other;
    if (content & (alphabetic | numeric)) return true;
  }
  return false;
}

}  // namespace coppice
