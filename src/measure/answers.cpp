#include "measure/answers.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

#include "base/error.h"
#include "base/strings.h"
#include "text/utf8.h"

namespace coppice {
namespace {

std::string decomposed(const std::string& text) {
  utf8proc_uint8_t* out = nullptr;
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &out,
                                   static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(out, &std::free);
  COPPICE_CHECK(length >= 0, "well-formed text can be decomposed");
  return {reinterpret_cast<const char*>(out), static_cast<size_t>(length)};
}

// Categories Z* and C*.
bool is_separator(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
      return true;
    default:
      return false;
  }
}

bool contains_words(const std::vector<std::string>& passage, const std::vector<std::string>& answer) {
  return !answer.empty() &&
         std::search(passage.begin(), passage.end(), answer.begin(), answer.end()) != passage.end();
}

}  // namespace

std::vector<std::string> answer_words(std::string_view text) {
  const std::string whole = decomposed(to_utf8(text));
  std::vector<std::string> words;
  bool within = false;
  for (size_t at = 0; at < whole.size();) {
    const char32_t c = next_character(whole, at);
    const bool letter = is_letter(c) || is_number(c) || is_mark(c);
    if (!letter && is_separator(c)) {
      within = false;
      continue;
    }
    if (!letter || !within) words.emplace_back();
    append_character(words.back(), lower_case(c));
    within = letter;
  }
  return words;
}

bool has_answer(std::string_view passage, std::span<const std::string> answers) {
  const std::vector<std::string> words = answer_words(passage);
  return std::any_of(answers.begin(), answers.end(), [&words](const std::string& answer) {
    return contains_words(words, answer_words(answer));
  });
}

std::vector<double> answer_accuracy(std::span<const AnsweredQuery> queries, std::span<const int64_t> k) {
  std::vector<double> share(k.size(), 0);
  const int64_t deepest = k.empty() ? 0 : *std::max_element(k.begin(), k.end());
  for (const auto& query : queries) {
    const auto looked_at = std::min(static_cast<int64_t>(query.passages.size()), deepest);
    int64_t first = 0;
    while (first < looked_at && !has_answer(query.passages[static_cast<size_t>(first)], query.answers))
      ++first;
    for (size_t i = 0; i < k.size() && first < looked_at; ++i) share[i] += first < k[i] ? 1 : 0;
  }
  for (double& value : share) value /= static_cast<double>(std::max<size_t>(1, queries.size()));
  return share;
}

std::vector<double> recall_by_budget(std::span<const BudgetPassage> ranking, int64_t relevant,
                                     std::span<const int64_t> budgets) {
  std::vector<double> recall;
  for (const int64_t budget : budgets) {
    int64_t left = budget, found = 0;
    for (const auto& passage : ranking) {
      if (passage.tokens > left) break;
      left -= passage.tokens;
      found += passage.relevant ? 1 : 0;
    }
    recall.push_back(relevant > 0 ? static_cast<double>(found) / static_cast<double>(relevant) : 0);
  }
  return recall;
}

}  // namespace coppice
