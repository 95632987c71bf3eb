#pragma once
// Words of a text by Unicode Standard Annex 29, with the additions of Lucene's StandardTokenizer: a segment is a word if
// it has a letter, digit or katakana; Han and Hiragana characters stand alone; a run of South-East Asian script is one
// word; emoji sequences are words. Works on any bytes; malformed UTF-8 separates words.

#include <cstddef>
#include <string_view>

#include "text/text_range.h"

namespace coppice {

enum class WordKind : unsigned char {
  other,       // letters of an alphabet, digits
  ideograph,   // one Han or Hiragana character
  katakana,    // only Katakana
  hangul,      // only Hangul
  south_east,  // Thai, Lao, Khmer, Burmese, …
  emoji,
};

struct Word : TextRange {
  WordKind kind = WordKind::other;
};

class WordBreaker {
 public:
  // Words of more than `max_length` UTF-16 units are cut.
  WordBreaker(std::string_view text, size_t max_length) : text_(text), max_length_(max_length) {}

  // False at the end of the text.
  bool next(Word& word);

 private:
  // The word that begins at the character at `at_`, or false, with `at_` behind that character.
  bool any_word(Word& word);
  bool letters(Word& word, struct BreakCharacter first);
  void extend(size_t& end, size_t& units, bool& joiner) const;

  std::string_view text_;
  size_t max_length_, at_ = 0;
};

}  // namespace coppice
