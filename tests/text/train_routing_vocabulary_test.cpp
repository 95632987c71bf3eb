#include "text/train_routing_vocabulary.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/progress.h"
#include "base/rng.h"
#include "support.h"
#include "text/train_bpe.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

using Entries = std::vector<std::vector<TokenId>>;

// A tokenizer of single bytes and the merges of a short text.
class RoutingTrainingTest : public testing::Test {
 protected:
  RoutingTrainingTest() {
    Progress::silence(true);
    write_file(folder_ / "text", "the the the the cat cat cat");
    const BpeTraining training{.vocabulary = 270, .special_tokens = {"<s>"}};
    write_tokenizer(train_bpe({folder_ / "text"}, training), training, folder_.path());
    tokenizer_ = load_tokenizer(folder_.path());
  }

  WordsOfText cut(const std::string& text) const { return words_of(text, *tokenizer_); }
  std::vector<std::string> parts_of(const std::string& text) const {
    const WordsOfText words = cut(text);
    std::vector<std::string> parts;
    for (const auto& part : words.parts)
      parts.push_back(
          (part.word ? "" : "-") +
          tokenizer_->decode(std::span(words.ids).subspan(part.begin, part.end - part.begin), false));
    return parts;
  }
  std::vector<std::string> spellings(const Entries& entries) const {
    std::vector<std::string> texts;
    for (const auto& entry : entries) texts.push_back(tokenizer_->decode(entry, false));
    return texts;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(RoutingTrainingTest, CutsByWords) {
  EXPECT_EQ(parts_of("the cat, dog's 12\n"),
            (std::vector<std::string>{"the", " cat", "-,", " dog's", " 12", "-\n"}));
  EXPECT_EQ(cut("").parts.size(), 0u);
  const WordsOfText words = cut("the zebra");
  ASSERT_EQ(words.parts.size(), 2u);
  EXPECT_EQ(words.parts[1].begin, words.parts[0].end);
  EXPECT_EQ(words.parts[1].end, words.ids.size());
}

TEST_F(RoutingTrainingTest, RanksWordsAndTheirBeginningsByCount) {
  const std::vector<WordsOfText> texts = {cut(" ab ab ab ac"), cut(" ab. cat")};
  const Entries entries = train_routing_vocabulary(texts, {.least_count = 2});
  // " ", " a" begin five words " ab", " ac"; " cat" is a token of its own, and so begins with itself only.
  EXPECT_EQ(spellings(entries), (std::vector<std::string>{"", " ", " a", " ab"}));
  EXPECT_EQ(spellings(train_routing_vocabulary(texts, {.entries = 3, .least_count = 2})).size(), 3u);
  for (const auto& entry : train_routing_vocabulary(texts, {.longest = 2, .least_count = 1}))
    EXPECT_LE(entry.size(), 2u);
  EXPECT_THAT(error_of([&] { train_routing_vocabulary(texts, {.least_count = 50}); }),
              HasSubstr("no word that occurs 50 times"));
}

// "xa yb" always stand together, "p q" only by chance.
TEST_F(RoutingTrainingTest, JoinsNamesThatStandTogetherMoreOftenThanByChance) {
  std::string text;
  Rng rng(4);
  const char* words[] = {" p", " q", " r", " s"};
  for (int i = 0; i < 6000; ++i) {
    text += words[rng.below(4)];
    if (i % 300 == 0) text += " xa yb";
    if (i % 600 == 0) text += " zc";
  }
  const std::vector<WordsOfText> texts = {cut(text)};
  const auto found = spellings(train_routing_vocabulary(texts, {.longest = 12, .least_count = 5}));
  EXPECT_THAT(found, testing::Contains(" xa yb"));
  EXPECT_THAT(found, testing::Contains(" xa yb zc"));
  for (const auto& entry : found)
    EXPECT_FALSE(entry == " p q" || entry == " r s" || entry == " s xa") << entry;
  EXPECT_THAT(spellings(train_routing_vocabulary(texts, {.longest = 12, .name_words = 1, .least_count = 5})),
              testing::Not(testing::Contains(" xa yb")));
}

TEST_F(RoutingTrainingTest, CountsTokensByRoutingId) {
  const std::vector<WordsOfText> texts = {cut(" ab ab"), cut(" ab!")};
  const Entries entries = train_routing_vocabulary(texts, {.least_count = 3});
  const RoutingVocabulary vocabulary(routing_table(entries, std::ssize(entries), 8), 8,
                                     tokenizer_->vocabulary(), "words");
  // " ", " a", " ab" end at a token each; whole, " ab" covers three.
  EXPECT_EQ(count_routing_ids(vocabulary, texts, true), (std::vector<int64_t>{1, 3, 3, 3}));
  EXPECT_EQ(count_routing_ids(vocabulary, texts, false), (std::vector<int64_t>{1, 0, 0, 9}));
}

}  // namespace
}  // namespace coppice
