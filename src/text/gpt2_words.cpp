#include "text/gpt2_words.h"

#include "text/utf8.h"

namespace coppice {
namespace {

enum class Kind { space, letter, number, other };

Kind kind_of(char32_t c) {
  if (is_letter(c)) return Kind::letter;
  if (is_space(c)) return Kind::space;
  return is_number(c) ? Kind::number : Kind::other;
}

// Bytes of the contraction at text[at], which is an apostrophe; 0 if there is none.
size_t contraction(std::string_view text, size_t at) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.substr(at, ending.size()) == ending) return ending.size();
  return 0;
}

// The end of the run of characters of `kind` from `at`.
size_t run_end(std::string_view text, size_t at, Kind kind) {
  while (at < text.size()) {
    size_t behind = at;
    if (kind_of(next_character(text, behind)) != kind) break;
    at = behind;
  }
  return at;
}

// White space up to the text's end, or all but its last character, which belongs to the word behind it if it
// is ' '.
size_t space_end(std::string_view text, size_t at) {
  const size_t end = run_end(text, at, Kind::space);
  if (end == text.size()) return end;
  const size_t last = previous_character(text, end);
  return last > at ? last : end;
}

size_t word_end(std::string_view text, size_t at) {
  if (text[at] == '\'')
    if (const size_t length = contraction(text, at)) return at + length;
  const size_t body = text[at] == ' ' && at + 1 < text.size() ? at + 1 : at;
  size_t behind = body;
  const Kind kind = kind_of(next_character(text, behind));
  return kind == Kind::space ? space_end(text, at) : run_end(text, behind, kind);
}

}  // namespace

std::vector<TextRange> gpt2_words(std::string_view text) {
  std::vector<TextRange> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = word_end(text, at);
    words.push_back({at, end});
    at = end;
  }
  return words;
}

}  // namespace coppice
