#include "base/strings.h"

#include <set>

#include <gmock/gmock.h>

#include "base/rng.h"

namespace coppice {
namespace {

using testing::ElementsAre;

std::string encode(uint32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

// Well-formed by definition: the encoding of every scalar value, and nothing else.
const std::set<std::string>& all_characters() {
  static const std::set<std::string> all = [] {
    std::set<std::string> made;
    for (uint32_t code = 0; code <= 0x10FFFF; ++code)
      if (code < 0xD800 || code > 0xDFFF) made.insert(made.end(), encode(code));
    return made;
  }();
  return all;
}

TEST(Utf8, AgreesWithTheSetOfAllCharacters) {
  const auto& all = all_characters();
  for (const auto& character : all) ASSERT_TRUE(is_utf8(character));
  // Every one- and two-byte string.
  for (int a = 0; a < 256; ++a) {
    const std::string one{static_cast<char>(a)};
    EXPECT_EQ(is_utf8(one), all.contains(one)) << a;
    for (int b = 0; b < 256; ++b) {
      const std::string second{static_cast<char>(b)}, two = one + second;
      ASSERT_EQ(is_utf8(two), all.contains(two) || (all.contains(one) && all.contains(second)))
          << a << " " << b;
    }
  }
  // Longer ones behind every lead byte that begins three or four; the bytes at the edges of all ranges.
  const std::vector<int> edges = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
  for (int lead = 0xE0; lead < 256; ++lead)
    for (const int b : edges)
      for (const int c : edges) {
        const std::string three = {static_cast<char>(lead), static_cast<char>(b), static_cast<char>(c)};
        ASSERT_EQ(is_utf8(three), all.contains(three)) << lead << " " << b << " " << c;
        for (const int d : edges) {
          const std::string four = three + static_cast<char>(d);
          const bool split = all.contains(three) && d < 0x80;
          ASSERT_EQ(is_utf8(four), all.contains(four) || split) << lead << " " << b << " " << c << " " << d;
        }
      }
}

TEST(Utf8, RepairChangesOnlyWhatIsBroken) {
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (uint64_t n = rng.below(12); n > 0; --n)
      bytes += rng.chance(0.5) ? encode(static_cast<uint32_t>(rng.below(0xD800)))
                               : std::string{static_cast<char>(rng.next())};
    const std::string repaired = to_utf8(bytes);
    EXPECT_TRUE(is_utf8(repaired));
    EXPECT_EQ(repaired == bytes, is_utf8(bytes));
  }
  EXPECT_EQ(to_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(to_utf8("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Strings, SplitKeepsEmptyParts) {
  EXPECT_THAT(split("a,b,,c,", ','), ElementsAre("a", "b", "", "c", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split(",", ','), ElementsAre("", ""));
}

TEST(Strings, TrimTakesSpaceAtTheEndsOnly) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Strings, HtmlIsEscaped) {
  EXPECT_EQ(html_escape("<a href=\"x\">&é"), "&lt;a href=&quot;x&quot;&gt;&amp;é");
}

}  // namespace
}  // namespace coppice
