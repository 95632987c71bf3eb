#include "text/routing_vocabulary.h"

#include <gmock/gmock.h>

#include "support.h"
#include "text/random_words.h"

namespace coppice {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

using Ids = std::vector<TokenId>;

TEST(RoutingVocabulary, FindsWhatPlainLoopsFind) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    const auto rows = 1 + static_cast<int64_t>(rng.below(20)), width = 1 + static_cast<int64_t>(rng.below(5));
    const int64_t tokens = 1 + static_cast<int64_t>(rng.below(4));  // few, so that entries overlap
    const Ids table = test::random_word_table(rows, width, tokens, rng);
    const RoutingVocabulary vocabulary(table, width, tokens, "table");
    EXPECT_EQ(vocabulary.size(), rows);
    Ids text;
    for (auto length = rng.below(30); length > 0; --length)
      text.push_back(static_cast<TokenId>(rng.below(static_cast<uint64_t>(tokens))));
    const auto longest = static_cast<size_t>(width);
    const auto ending = vocabulary.ending({}, text);
    EXPECT_EQ(ending, test::naive_ending(table, longest, text)) << seed;
    EXPECT_EQ(vocabulary.covering(text), test::naive_covering(table, longest, text)) << seed;
    // In pieces, each with no more of what is in front of it than it may need.
    for (size_t begin = 0, step = 1; begin < text.size(); begin += step, step = step % 3 + 1) {
      step = std::min(step, text.size() - begin);
      const size_t from = begin - std::min(begin, longest - 1);
      const auto piece = vocabulary.ending(std::span(text).subspan(from, begin - from),
                                           std::span(text).subspan(begin, step));
      EXPECT_TRUE(
          std::equal(piece.begin(), piece.end(), ending.begin() + static_cast<std::ptrdiff_t>(begin)));
    }
  }
}

// 1 "new", 2 "new york", 3 "york", 4 "new york city"; tokens: new 0, york 1, city 2, other 3.
TEST(RoutingVocabulary, LongestEntriesByHand) {
  const std::vector<Ids> entries = {{}, {0}, {0, 1}, {1}, {0, 1, 2}};
  const RoutingVocabulary vocabulary(routing_table(entries, 6, 3), 3, 4, "table");
  const Ids text = {0, 1, 2, 3, 1, 2, 0};
  EXPECT_THAT(vocabulary.ending({}, text), ElementsAre(1, 2, 4, 0, 3, 0, 1));
  EXPECT_THAT(vocabulary.covering(text), ElementsAre(4, 4, 4, 0, 3, 0, 1));
  EXPECT_THAT(vocabulary.ending(Ids{0}, Ids{1, 2}), ElementsAre(2, 4));
  EXPECT_THAT(RoutingVocabulary().ending({}, text), ElementsAre(0, 0, 0, 0, 0, 0, 0));
}

TEST(RoutingVocabulary, TellsDamagedTablesApart) {
  const auto complaint = [](const Ids& table, int64_t longest = 2) {
    return error_of([&] { RoutingVocabulary(table, longest, 10, "m: words"); });
  };
  EXPECT_NO_THROW(RoutingVocabulary(Ids{-1, -1, 3, -1, 3, 4, -1, -1}, 2, 10, "m"));
  EXPECT_THAT(complaint({-1, -1, 10, -1}), HasSubstr("m: words: token id 10 in entry 1, expected 0 to 9"));
  EXPECT_THAT(complaint({-1, -1, 3, -2}), HasSubstr("token id -2 in entry 1"));
  EXPECT_THAT(complaint({-1, -1, -1, 3}), HasSubstr("token id 3 in entry 1, behind its end, expected -1"));
  EXPECT_THAT(complaint({5, -1}),
              HasSubstr("tokens in entry 0, expected none: it stands for what is unknown"));
  EXPECT_THAT(complaint({-1, -1, -1, -1, 3, -1}),
              HasSubstr("tokens in entry 2, expected none behind entry 1"));
  EXPECT_THAT(complaint({-1, -1, 3, 4, 5, -1, 3, 4}), HasSubstr("entry 1 once more as entry 3"));
  EXPECT_THAT(complaint({-1, -1, 3}), HasSubstr("3 numbers in rows of 2"));
  EXPECT_THAT(complaint({}), HasSubstr("0 numbers in rows of 2"));
  EXPECT_THAT(complaint({-1, -1}, 0), HasSubstr("2 numbers in rows of 0"));
  EXPECT_THAT(complaint(Ids(65, -1), 65), HasSubstr("rows of 65"));
}

}  // namespace
}  // namespace coppice
