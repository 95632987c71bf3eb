#include "text/analysis/fold.h"

#include <algorithm>

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "base/error.h"

namespace coppice {
namespace {

// Accents have a place above, below or through a letter (combining classes 200 and more), the points of Hebrew and
// Arabic classes of their own (10 to 35). Nuktas, viramas, kana voicing and vowel signs have others.
bool is_accent(UChar32 c) {
  const auto place = u_getCombiningClass(c);
  return place >= 200 || (place >= 10 && place <= 35) || place == 1;
}

const char16_t* replacement(UChar32 c) {
  switch (c) {
    case U'ß':
      return u"ss";
    case U'æ':
      return u"ae";
    case U'Æ':
      return u"AE";
    case U'œ':
      return u"oe";
    case U'Œ':
      return u"OE";
    case U'ø':
      return u"o";
    case U'Ø':
      return u"O";
    case U'ł':
      return u"l";
    case U'Ł':
      return u"L";
    case U'đ':
    case U'ð':
      return u"d";
    case U'Đ':
    case U'Ð':
      return u"D";
    case U'þ':
      return u"th";
    case U'Þ':
      return u"TH";
    case U'ħ':
      return u"h";
    case U'Ħ':
      return u"H";
    case U'ı':
      return u"i";
    case U'ŧ':
      return u"t";
    case U'Ŧ':
      return u"T";
    default:
      return nullptr;
  }
}

}  // namespace

void fold_accents(std::string_view text, std::string& folded) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) >= 0; })) {
    folded = text;
    return;
  }
  UErrorCode status = U_ZERO_ERROR;
  static const auto* const decompose = icu::Normalizer2::getNFKDInstance(status);
  static const auto* const compose = icu::Normalizer2::getNFCInstance(status);
  const auto apart = decompose->normalize(
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size()))), status);
  icu::UnicodeString kept;
  for (int32_t i = 0; i < apart.length(); i = apart.moveIndex32(i, 1)) {
    const UChar32 c = apart.char32At(i);
    if (is_accent(c)) continue;
    if (const auto* letters = replacement(c))
      kept.append(letters, -1);
    else
      kept.append(c);
  }
  const auto together = compose->normalize(kept, status);
  COPPICE_CHECK(U_SUCCESS(status), u_errorName(status));
  folded.clear();
  together.toUTF8String(folded);
}

}  // namespace coppice
