#include "text/train_bpe.h"

#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/strings.h"
#include "support.h"
#include "text/byte_alphabet.h"
#include "text/gpt2_words.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

using test::TemporaryFolder;

// Text of few letters with many repeated words, so that merges are long and ties are common.
std::string random_text(Rng& rng, int words) {
  std::string text;
  for (int i = 0; i < words; ++i) {
    const auto length = 1 + rng.below(6);
    for (uint64_t k = 0; k < length; ++k) text += "abc\xC3\xA9"[rng.below(3)];
    text += rng.chance(0.1) ? "é\n" : " ";
  }
  return text;
}

// The definition, word for word: count all pairs anew before each merge.
std::vector<std::pair<std::string, std::string>> naive_merges(const std::string& text,
                                                              const BpeTraining& training) {
  std::vector<std::string> tokens = training.special_tokens;
  const auto first_byte = static_cast<int>(tokens.size());
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(byte_character(static_cast<unsigned char>(byte)));
  std::vector<std::vector<int>> words;
  for (const auto& [begin, end] : gpt2_words(text)) {
    auto& word = words.emplace_back();
    for (size_t i = begin; i < end; ++i) word.push_back(first_byte + static_cast<unsigned char>(text[i]));
  }
  std::vector<std::pair<std::string, std::string>> merges;
  while (static_cast<int64_t>(tokens.size()) < training.vocabulary) {
    std::map<std::pair<int, int>, int64_t> counts;
    for (const auto& word : words)
      for (size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
    const std::pair<const std::pair<int, int>, int64_t>* best = nullptr;
    for (const auto& pair : counts) {
      const std::string spelling =
          tokens[static_cast<size_t>(pair.first.first)] + tokens[static_cast<size_t>(pair.first.second)];
      if (std::find(tokens.begin(), tokens.end(), spelling) != tokens.end()) continue;
      if (best == nullptr || pair.second > best->second) best = &pair;
    }
    if (best == nullptr || best->second < training.min_frequency) break;
    const auto [left, right] = best->first;
    merges.emplace_back(tokens[static_cast<size_t>(left)], tokens[static_cast<size_t>(right)]);
    const auto merged = static_cast<int>(tokens.size());
    tokens.push_back(merges.back().first + merges.back().second);
    for (auto& word : words) {
      std::vector<int> next;
      for (size_t i = 0; i < word.size(); ++i) {
        const bool match = word[i] == left && i + 1 < word.size() && word[i + 1] == right;
        next.push_back(match ? merged : word[i]);
        i += match ? 1 : 0;
      }
      word = next;
    }
  }
  return merges;
}

TEST(TrainBpe, merges_are_those_of_the_definition) {
  Progress::silence(true);
  Rng rng(7);
  const TemporaryFolder folder;
  for (int round = 0; round < 20; ++round) {
    const std::string text = random_text(rng, 200);
    write_file(folder / "text", text);
    const BpeTraining training = {.vocabulary = 259 + 60, .min_frequency = 1 + round % 3};
    EXPECT_EQ(train_bpe({folder / "text"}, training).merges, naive_merges(text, training))
        << "round " << round;
  }
}

TEST(TrainBpe, the_written_tokenizer_is_read_back) {
  Progress::silence(true);
  Rng rng(8);
  const TemporaryFolder folder;
  const std::string text = random_text(rng, 500);
  write_file(folder / "text", text);
  const BpeTraining training = {.vocabulary = 340};
  const TrainedBpe trained = train_bpe({folder / "text"}, training);
  EXPECT_EQ(trained.tokens.size(), 340u);
  EXPECT_EQ(trained.bytes, static_cast<int64_t>(text.size()));
  write_tokenizer(trained, training, folder.path());

  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->vocabulary(), 340);
  EXPECT_EQ(tokenizer->leading_token(), tokenizer->find("<s>"));
  EXPECT_TRUE(tokenizer->is_special(*tokenizer->find("</s>")));
  for (size_t id = 0; id < trained.tokens.size(); ++id)
    EXPECT_EQ(tokenizer->token(static_cast<TokenId>(id)), trained.tokens[id]);
  const auto ids = tokenizer->encode(text);
  EXPECT_LT(ids.size(), text.size() / 2);
  EXPECT_EQ(tokenizer->decode(ids), text);
  EXPECT_EQ(read_json_file(folder / "tokenizer_config.json")["bos_token"], "<s>");
}

TEST(TrainBpe, a_spelling_of_a_special_token_is_not_merged) {
  Progress::silence(true);
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "<s>";
  write_file(folder / "text", text);
  const TrainedBpe trained = train_bpe({folder / "text"}, {.vocabulary = 300});
  EXPECT_EQ(std::count(trained.tokens.begin(), trained.tokens.end(), "<s>"), 1);
}

TEST(TrainBpe, several_files_are_one_text) {
  Progress::silence(true);
  const TemporaryFolder folder;
  write_file(folder / "one", "abc abc abc");
  write_file(folder / "two", "abd abd");
  const TrainedBpe trained = train_bpe({folder / "one", folder / "two"}, {.vocabulary = 260});
  ASSERT_EQ(trained.merges.size(), 1u);
  EXPECT_EQ(trained.merges[0], std::pair(std::string("a"), std::string("b")));
  EXPECT_EQ(trained.words, 5);
  EXPECT_EQ(trained.distinct_words, 4);
}

TEST(TrainBpe, faults_are_errors) {
  const TemporaryFolder folder;
  write_file(folder / "empty", "");
  write_file(folder / "text", "abc");
  EXPECT_THROW(train_bpe({folder / "empty"}, {}), Error);
  EXPECT_THROW(train_bpe({}, {}), Error);
  EXPECT_THROW(train_bpe({folder / "missing"}, {}), Error);
  EXPECT_THROW(train_bpe({folder / "text"}, {.vocabulary = 258}), Error);
  EXPECT_THROW(train_bpe({folder / "text"}, {.special_tokens = {"<s>", "<s>"}}), Error);
  EXPECT_THROW(train_bpe({folder / "text"}, {.special_tokens = {"<s>", ""}}), Error);
  EXPECT_THROW(train_bpe({folder / "text"}, {.special_tokens = {}}), Error);
}

}  // namespace
}  // namespace coppice
