// Programs are run by an interpreter of their text, written apart from the generator.

#include <map>
#include <stdexcept>

#include <gtest/gtest.h>

#include "documents.h"

namespace coppice::lab {
namespace {

class Interpreter {
 public:
  explicit Interpreter(const std::string& source) : text_(source) {}

  // Values printed, in order; `claimed` gets the numbers of the comments behind the prints.
  std::vector<int64_t> run(std::vector<int64_t>& claimed) {
    while (!at_end() && peek() != '#') statement(true, globals_, &claimed);
    return printed_;
  }
  std::string rest() const { return text_.substr(at_); }

 private:
  using Variables = std::map<std::string, int64_t>;
  struct Definition {
    std::vector<std::string> parameters;
    size_t body;
  };

  bool at_end() {
    skip();
    return at_ >= text_.size();
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool accept(const std::string& token) {
    skip();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    at_ += token.size();
    return true;
  }
  void expect(const std::string& token) {
    if (!accept(token)) throw std::runtime_error("expected " + token + " before: " + rest().substr(0, 30));
  }
  std::string word() {
    skip();
    const size_t start = at_;
    while (at_ < text_.size() && (std::isalpha(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
      ++at_;
    if (start == at_) throw std::runtime_error("expected a name before: " + rest().substr(0, 30));
    return text_.substr(start, at_ - start);
  }
  int64_t integer() {
    skip();
    size_t used = 0;
    const int64_t value = std::stoll(text_.substr(at_), &used);
    at_ += used;
    return value;
  }

  int64_t primary(Variables& variables) {
    if (accept("(")) {
      const int64_t value = sum(variables);
      expect(")");
      return value;
    }
    if (std::isdigit(static_cast<unsigned char>(peek()))) return integer();
    const std::string name = word();
    if (at_ >= text_.size() || text_[at_] != '(') return variables.at(name);
    expect("(");
    std::vector<int64_t> arguments;
    do arguments.push_back(sum(variables));
    while (accept(","));
    expect(")");
    const Definition& called = functions_.at(name);
    if (called.parameters.size() != arguments.size()) throw std::runtime_error("arguments of " + name);
    Variables inner;
    for (size_t i = 0; i < arguments.size(); ++i) inner[called.parameters[i]] = arguments[i];
    const size_t back = at_;
    at_ = called.body;
    const int64_t value = sum(inner);
    at_ = back;
    return value;
  }
  int64_t product(Variables& variables) {
    int64_t value = primary(variables);
    while (accept("*")) value *= primary(variables);
    return value;
  }
  int64_t sum(Variables& variables) {
    int64_t value = product(variables);
    while (true) {
      if (accept("+"))
        value += product(variables);
      else if (accept("-"))
        value -= product(variables);
      else
        return value;
    }
  }

  void block(bool active, Variables& variables) {
    expect("{");
    while (peek() != '}') statement(active, variables, nullptr);
    expect("}");
  }

  void statement(bool active, Variables& variables, std::vector<int64_t>* claimed) {
    if (accept("fn ")) {
      const std::string name = word();
      Definition definition;
      expect("(");
      do definition.parameters.push_back(word());
      while (accept(","));
      expect(")");
      expect("{");
      expect("return ");
      definition.body = at_;
      at_ = text_.find('}', at_) + 1;
      functions_[name] = definition;
    } else if (accept("repeat ")) {
      const int64_t times = integer();
      const size_t start = at_;
      for (int64_t i = 0; i < times; ++i) at_ = start, block(active, variables);
    } else if (accept("if ")) {
      const int64_t left = sum(variables);
      const bool less = accept("<"), more = !less && accept(">");
      if (!less && !more) expect("==");
      const int64_t right = sum(variables);
      const bool holds = less ? left < right : more ? left > right : left == right;
      block(active && holds, variables);
      expect("else");
      block(active && !holds, variables);
    } else if (accept("print ")) {
      printed_.push_back(sum(variables));
      expect("#");
      claimed->push_back(integer());
    } else {
      const bool fresh = accept("let ");
      const std::string name = word();
      if (fresh == (variables.count(name) > 0)) throw std::runtime_error("let and assignment of " + name);
      expect("=");
      const int64_t value = sum(variables);
      if (active) variables[name] = value;
    }
  }

  std::string text_;
  size_t at_ = 0;
  Variables globals_;
  std::map<std::string, Definition> functions_;
  std::vector<int64_t> printed_;
};

TEST(Code, ProgramsPrintWhatTheirCommentsSay) {
  size_t functions = 0, loops = 0, branches = 0;
  for (const auto& text : test::documents("code", 1500)) {
    Interpreter interpreter(text);
    std::vector<int64_t> claimed, printed;
    ASSERT_NO_THROW(printed = interpreter.run(claimed)) << text;
    EXPECT_FALSE(printed.empty());
    EXPECT_EQ(printed, claimed) << text;
    std::string output = "# output:";
    for (const int64_t value : printed) output += " " + std::to_string(value);
    EXPECT_EQ(interpreter.rest(), output) << text;
    functions += text.find("fn ") != std::string::npos;
    loops += text.find("repeat ") != std::string::npos;
    branches += text.find("if ") != std::string::npos;
  }
  EXPECT_GT(functions, 500u);
  EXPECT_GT(loops, 300u);
  EXPECT_GT(branches, 300u);
}

}  // namespace
}  // namespace coppice::lab
