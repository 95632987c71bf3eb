#pragma once
// Characters of well-formed UTF-8 and the Unicode properties that tokenizers ask for.

#include <cstddef>
#include <string>
#include <string_view>

namespace coppice {

// Bytes of the character that begins with `lead`.
inline size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// The character at text[at]; moves `at` behind it. The text must be well-formed.
inline char32_t next_character(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const size_t length = utf8_length(text[at]);
  char32_t c = byte(0);
  if (length == 2)
    c = (c & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
  else if (length == 3)
    c = (c & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
  else if (length == 4)
    c = (c & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
  at += length;
  return c;
}

// Where the character that ends before `end` begins; end > 0.
inline size_t previous_character(std::string_view text, size_t end) {
  do --end;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

void append_character(std::string& text, char32_t c);

bool is_space(char32_t c);        // White_Space
bool is_letter(char32_t c);       // categories L*
bool is_number(char32_t c);       // categories N*
bool is_punctuation(char32_t c);  // ASCII punctuation and categories P*
bool is_word(char32_t c);         // \w: alphabetic characters, marks, digits, connectors, joiners

bool is_mark(char32_t c);             // categories M*
bool is_nonspacing_mark(char32_t c);  // category Mn
bool is_control(char32_t c);          // categories Cc, Cf, Co

char32_t lower_case(char32_t c);  // without regard to context; of U+0130, which becomes two, only the first

}  // namespace coppice
