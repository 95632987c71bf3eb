#pragma once
// Retrieval judged by what passages say, not by which they are.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

// The words by which DPR (Karpukhin et al. 2020) compares: the text is decomposed (NFD) and put into lower case; runs of
// letters, digits and marks are words, and so is every other character that is neither space nor control. Malformed UTF-8
// becomes U+FFFD.
std::vector<std::string> answer_words(std::string_view text);

// Whether the words of one of the answers follow each other in the passage. An answer without a word is in none.
bool has_answer(std::string_view passage, std::span<const std::string> answers);

struct AnsweredQuery {
  std::vector<std::string> answers;
  std::vector<std::string> passages;  // texts, best first
};

// Top-k accuracy: for each k, the share of queries one of whose first k passages has an answer.
std::vector<double> answer_accuracy(std::span<const AnsweredQuery> queries, std::span<const int64_t> k);

// A passage as a budget of tokens sees it.
struct BudgetPassage {
  int64_t tokens = 0;
  bool relevant = false;
};

// Recall by token budget: for each budget, the share of `relevant` passages (of all there are for the query) that lie
// wholly within the first so many tokens of the ranking. 0 if there is none.
std::vector<double> recall_by_budget(std::span<const BudgetPassage> ranking, int64_t relevant,
                                     std::span<const int64_t> budgets);

}  // namespace coppice
