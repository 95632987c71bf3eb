#pragma once
// Changes of a text character by character, which several normalizers share.

#include "text/rewrite.h"
#include "text/utf8.h"

namespace coppice {

// Keeps the characters for which `keeps(character)`; runs of them at once.
template <class Predicate>
void keep_if(Rewrite& rewrite, Predicate keeps) {
  const std::string_view text = rewrite.source();
  size_t kept = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (keeps(next_character(text, at))) continue;
    rewrite.keep(kept, begin);
    kept = at;
  }
  rewrite.keep(kept, text.size());
}

// Lower case without regard to context.
void lower_case(Rewrite& rewrite);

// The text in a Unicode normalization form (Unicode Standard Annex 15).
enum class UnicodeForm { nfc, nfd, nfkc, nfkd };
void to_unicode_form(Rewrite& rewrite, UnicodeForm form);

}  // namespace coppice
