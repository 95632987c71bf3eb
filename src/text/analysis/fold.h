#pragma once
// Spellings that a searcher does not tell apart.

#include <string>
#include <string_view>

namespace coppice {

// Compatibility forms (NFKC: full-width letters, ligatures), letters without their accents, and the letters that do not
// decompose by their usual replacement (ß ss, æ ae, ø o, ł l, …). Vowel signs of Indic, Thai and other scripts, which
// are marks but no accents, stay. The text must be well-formed UTF-8.
void fold_accents(std::string_view text, std::string& folded);

}  // namespace coppice
