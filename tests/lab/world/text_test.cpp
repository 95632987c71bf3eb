#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <unordered_set>

#include <gtest/gtest.h>

#include "documents.h"
#include "lab/world/world_text.h"

namespace coppice::lab {
namespace {

using test::default_world;
using test::documents;

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

TEST(WorldText, IsTheSameForASeedAndAnotherForAnother) {
  const World& world = default_world();
  EXPECT_EQ(world_text(world, {.seed = 1}, 50000), world_text(make_world(), {.seed = 1}, 50000));
  EXPECT_NE(world_text(world, {.seed = 1}, 50000), world_text(world, {.seed = 2}, 50000));
  EXPECT_NE(world_text(world, {.split = Split::test, .seed = 1}, 50000),
            world_text(world, {.seed = 1}, 50000));
}

TEST(WorldText, HoldsWholeDocumentsWithinTheSize) {
  const std::string mark = "\n<|endoftext|>\n";
  for (const size_t bytes : {2000u, 30000u, 300000u}) {
    const std::string text = world_text(default_world(), {}, bytes);
    EXPECT_LE(text.size(), bytes);
    EXPECT_GT(text.size() + 4000, bytes);
    EXPECT_EQ(text.substr(text.size() - mark.size()), mark);
  }
  const std::string shortest = world_text(default_world(), {}, 1);
  EXPECT_EQ(shortest.find(mark), shortest.size() - mark.size());
}

TEST(WorldText, IsPlainAsciiWithoutMarksOfTemplates) {
  for (const auto& [name, domain] : domains()) {
    for (const auto& text : documents(name, 400)) {
      ASSERT_FALSE(text.empty());
      EXPECT_NE(text.back(), '\n');
      for (const char c : text) ASSERT_TRUE(c == '\n' || (c >= 32 && c < 127)) << name << ": " << text;
      EXPECT_EQ(text.find_first_of(name == "code"      ? "[]~^$|"
                                   : name == "records" ? "[]{}~^$"
                                                       : "[]{}~^$|"),
                std::string::npos)
          << text;
      EXPECT_EQ(text.find("  ") != std::string::npos, name == "code") << text;
      EXPECT_EQ(text.find("unknown") == std::string::npos || name == "records", true) << text;
    }
  }
}

TEST(WorldText, SplitsShareNoDocument) {
  for (const auto& [name, domain] : domains()) {
    const auto train = documents(name, 3000, Split::train), held_out = documents(name, 1000, Split::test);
    const std::unordered_set<std::string> seen(train.begin(), train.end());
    for (const auto& text : held_out) EXPECT_EQ(seen.count(text), 0u) << text;
  }
}

TEST(WorldText, RepeatsFewDocuments) {
  for (const auto& [name, domain] : domains()) {
    const auto texts = documents(name, 4000);
    const std::unordered_set<std::string> distinct(texts.begin(), texts.end());
    EXPECT_GT(distinct.size(), texts.size() * 99 / 100) << name;
  }
}

// Enough words to be worth learning, few enough for a small vocabulary.
TEST(WorldText, VocabularyIsWithinBounds) {
  const auto words = words_of(world_text(default_world(), {}, 2000000));
  const std::set<std::string> types(words.begin(), words.end());
  EXPECT_GT(types.size(), 2000u);
  EXPECT_LT(types.size(), 8000u);
  const double ratio = static_cast<double>(types.size()) / static_cast<double>(words.size());
  EXPECT_GT(ratio, 0.004);
  EXPECT_LT(ratio, 0.03);
}

// Sentences of stories differ in length.
TEST(WorldText, StoriesVary) {
  double sum = 0, squares = 0;
  int sentences = 0;
  for (const auto& text : documents("stories", 300)) {
    std::istringstream stream(text);
    for (std::string sentence; std::getline(stream, sentence, '.');) {
      const auto length = static_cast<double>(words_of(sentence).size());
      if (length == 0) continue;
      sum += length, squares += length * length, ++sentences;
    }
  }
  const double mean = sum / sentences;
  EXPECT_GT(mean, 5);
  EXPECT_LT(mean, 16);
  EXPECT_GT(std::sqrt(squares / sentences - mean * mean), 2.5);
}

// A naive Bayes classifier over words tells held-out documents apart.
TEST(WorldText, DomainsAreDistinguishable) {
  std::map<std::string, std::map<std::string, double>> counts;
  std::map<std::string, double> totals;
  std::set<std::string> vocabulary;
  for (const auto& [name, domain] : domains())
    for (const auto& text : documents(name, 300))
      for (const auto& word : words_of(text))
        counts[name][word] += 1, totals[name] += 1, vocabulary.insert(word);
  int right = 0, all = 0;
  for (const auto& [truth, domain] : domains()) {
    for (const auto& text : documents(truth, 200, Split::test)) {
      std::string best;
      double highest = -1e300;
      for (auto& [name, count] : counts) {
        double score = 0;
        for (const auto& word : words_of(text)) {
          const auto found = count.find(word);
          score += std::log(((found == count.end() ? 0.0 : found->second) + 1) /
                            (totals[name] + static_cast<double>(vocabulary.size())));
        }
        if (score > highest) highest = score, best = name;
      }
      right += best == truth;
      ++all;
    }
  }
  EXPECT_GT(right, all * 95 / 100);
}

TEST(WorldText, MixturesGiveTheSharesAskedFor) {
  WorldTeller teller(default_world(), {.mixture = parse_mixture("stories:3,laws")});
  int stories = 0, all = 4000;
  for (int i = 0; i < all; ++i) {
    const Document document = teller.next();
    ASSERT_TRUE(document.domain == "stories" || document.domain == "laws");
    stories += document.domain == "stories";
  }
  EXPECT_NEAR(static_cast<double>(stories) / all, 0.75, 0.03);
  EXPECT_EQ(parse_mixture("all").size(), domains().names().size());
}

TEST(WorldText, BadMixturesAreErrors) {
  for (const char* bad : {"", "storys", "stories:", "stories:x", "stories:0", "stories:-1", "stories:nan",
                          "stories:inf", "stories:1,,laws", "stories:2x", "all,laws"})
    EXPECT_THROW(parse_mixture(bad), Error) << bad;
  try {
    parse_mixture("storys");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("stories"), std::string::npos);
  }
}

}  // namespace
}  // namespace coppice::lab
