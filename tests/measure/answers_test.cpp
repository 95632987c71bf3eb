#include "measure/answers.h"

#include <gmock/gmock.h>

#include "base/rng.h"
#include "base/strings.h"

namespace coppice {
namespace {

using testing::ElementsAre;

bool found(std::string_view passage, std::vector<std::string> answers) {
  return has_answer(passage, answers);
}

TEST(Answers, Words) {
  EXPECT_THAT(answer_words("The U.S.-based café, 3.5%"),
              ElementsAre("the", "u", ".", "s", ".", "-", "based", "cafe\u0301", ",", "3", ".", "5", "%"));
  EXPECT_THAT(answer_words(" \t\n"), ElementsAre());
  EXPECT_TRUE(found("It was in New  York\nCity.", {"new york city"}));
  EXPECT_TRUE(found("CAFÉ", {"cafe\u0301"})) << "composed and decomposed";
  EXPECT_FALSE(found("newest yorker", {"new york"})) << "whole words only";
  EXPECT_FALSE(found("anything", {"", "..."}));
  EXPECT_TRUE(found("one two", {"three", "two"}));
}

// A phrase of words that are plain letters is in a passage if it is with spaces around it.
TEST(Answers, AgreeWithSearchInText) {
  Rng rng(1);
  const auto text = [&rng](uint64_t words) {
    std::string made;
    for (uint64_t i = 0; i < words; ++i)
      made += (made.empty() ? "" : " ") + std::string(1, static_cast<char>('a' + rng.below(3)));
    return made;
  };
  int yes = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::string passage = text(rng.below(12)), answer = text(1 + rng.below(4));
    const bool expected = (" " + passage + " ").find(" " + answer + " ") != std::string::npos;
    EXPECT_EQ(found(passage, {answer}), expected) << passage << " / " << answer;
    yes += expected;
  }
  EXPECT_GT(yes, 200);
}

TEST(Answers, AccuracyByDepth) {
  const std::vector<AnsweredQuery> queries = {
      {{"x"}, {"x", "y"}}, {{"x"}, {"y", "y", "a x b"}}, {{"x"}, {"y"}}, {{"x"}, {}}};
  const std::vector<int64_t> k = {1, 2, 3, 100};
  EXPECT_THAT(answer_accuracy(queries, k), ElementsAre(0.25, 0.25, 0.5, 0.5));
}

TEST(Answers, RecallByBudget) {
  const std::vector<BudgetPassage> ranking = {{100, true}, {50, false}, {200, true}, {10, true}};
  const std::vector<int64_t> budgets = {99, 100, 150, 349, 350, 360, 10000};
  EXPECT_THAT(recall_by_budget(ranking, 4, budgets), ElementsAre(0, 0.25, 0.25, 0.25, 0.5, 0.75, 0.75));
  EXPECT_THAT(recall_by_budget(ranking, 0, std::vector<int64_t>{100}), ElementsAre(0));
}

}  // namespace
}  // namespace coppice
