// Every equation and every word problem is worked out again from its text.

#include <regex>
#include <sstream>

#include <gtest/gtest.h>

#include "documents.h"

namespace coppice::lab {
namespace {

// "12 + 3 - 4" or "3 * 4", from left to right.
int64_t calculate(const std::string& text) {
  std::istringstream stream(text);
  int64_t total = 0, next = 0;
  char op = 0;
  stream >> total;
  while (stream >> op >> next) total = op == '+' ? total + next : op == '-' ? total - next : total * next;
  return total;
}

size_t check_equations(const std::string& text) {
  static const std::regex equation(R"((\d+(?: [-+*] \d+)+) = (-?\d+))");
  size_t found = 0;
  for (std::sregex_iterator match(text.begin(), text.end(), equation), end; match != end; ++match, ++found)
    EXPECT_EQ(calculate((*match)[1]), std::stoll((*match)[2])) << match->str();
  return found;
}

std::vector<int64_t> numbers_in(const std::string& text) {
  static const std::regex number(R"(\d+)");
  std::vector<int64_t> numbers;
  for (std::sregex_iterator match(text.begin(), text.end(), number), end; match != end; ++match)
    numbers.push_back(std::stoll(match->str()));
  return numbers;
}

// The result of a problem by what its sentences say.
int64_t solve(const std::string& problem) {
  static const std::regex price(R"((?:The|One) (.+?) costs? (\d+) coins)"), each("\\b(each)\\b");
  const auto numbers = numbers_in(problem);
  std::smatch match;
  if (std::regex_search(problem, match, std::regex(R"(buys the (.+) for (\d+) coins)")) ||
      std::regex_search(problem, match, price)) {
    const World& world = test::default_world();
    const EntityId thing = world.find(match[1].str());
    EXPECT_GE(thing, 0) << problem;
    if (thing < 0) return -1;
    const int64_t cost = world.number(thing, Attribute::price);
    EXPECT_EQ(cost, std::stoll(match[2])) << problem;
    const bool back =
        problem.find("get back") != std::string::npos || problem.find("keep?") != std::string::npos;
    const int64_t other = numbers[0] == cost ? numbers[1] : numbers[0];
    return back ? other - cost : other * cost;
  }
  if (std::regex_search(problem, each)) return numbers[0] * numbers[1];
  static const std::regex sentence(R"(([^.?]*)[.?])"), loss(R"(\b(to|loses|sells|needs|takes)\b)"),
      gain(R"(\b(more)\b)"), start(R"(\b(has|begins|starts)\b)");
  int64_t total = 0;
  for (std::sregex_iterator at(problem.begin(), problem.end(), sentence), end; at != end; ++at) {
    const std::string text = at->str();
    const auto values = numbers_in(text);
    if (values.empty()) continue;
    if (std::regex_search(text, gain))
      total += values[0];
    else if (std::regex_search(text, loss))
      total -= values[0];
    else if (std::regex_search(text, start))
      total = values[0];
    else
      ADD_FAILURE() << "not understood: " << text;
  }
  return total;
}

TEST(Arithmetic, EquationsHold) {
  size_t equations = 0;
  for (const auto& text : test::documents("arithmetic", 800)) equations += check_equations(text);
  EXPECT_GT(equations, 3000u);
}

TEST(Arithmetic, AnswersFollowFromTheProblems) {
  static const std::regex problem(R"(Problem: ([^\n]*)\n(?:[^A\n][^\n]*\n)?Answer: (-?\d+))");
  size_t problems = 0, marked = 0;
  for (const auto& text : test::documents("arithmetic", 800)) {
    for (size_t at = text.find("Problem:"); at != std::string::npos; at = text.find("Problem:", at + 1))
      ++marked;
    for (std::sregex_iterator match(text.begin(), text.end(), problem), end; match != end;
         ++match, ++problems)
      EXPECT_EQ(solve((*match)[1]), std::stoll((*match)[2])) << match->str();
  }
  EXPECT_EQ(problems, marked);
  EXPECT_GT(problems, 1000u);
}

}  // namespace
}  // namespace coppice::lab
