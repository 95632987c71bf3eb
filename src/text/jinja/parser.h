#pragma once
// From tokens to syntax: Jinja's grammar, as far as chat templates use it.

#include <string>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/syntax.h"

namespace coppice::jinja {

// The syntax of a whole template. What is not Jinja, or Jinja that a chat template cannot use (includes,
// inheritance), is an Error with its line.
Body parse(std::vector<Token> tokens, const std::string& where);

// What is common to statements and expressions: the tokens, and how deep the syntax is.
class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::string& where) : tokens_(std::move(tokens)), where_(where) {}

  Body parse_template();

 private:
  // Leaves the depth as it was when the part that made it is parsed.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser), depth_(parser.depth_) { parser.deeper(); }
    ~Level() { parser_.depth_ = depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
    int depth_;
  };

  [[noreturn]] void fail(const std::string& found, const std::string& expected = "",
                         const std::string& advice = "") const;
  [[noreturn]] void unexpected(const std::string& expected) const;
  void deeper();

  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void step() { at_ += at_ + 1 < tokens_.size(); }
  bool skip_symbol(std::string_view symbol);
  bool skip_name(std::string_view name);
  void need_symbol(std::string_view symbol);
  void need_name(std::string_view name);
  void need_block_end();
  std::string identifier(const char* what);

  // parse_statement.cpp
  Body body(std::initializer_list<const char*> ends);
  bool at_end_of(std::initializer_list<const char*> ends) const;
  void statement(Body& body);
  Statement set();
  Statement conditional();
  Statement loop();
  Statement macro();
  void macro_body(MacroDefinition& definition, const char* end);
  Statement call_block();
  Statement filter_block();
  Statement with();
  Statement generation();
  void loop_control(Body& body, bool leave);
  Target target(bool attributes);
  Target single_target(bool attributes);
  std::vector<Parameter> parameters();

  // parse_expression.cpp
  enum class Ternary { allowed, left_alone };
  ExpressionPtr expression(Ternary ternary = Ternary::allowed);
  ExpressionPtr tuple(Ternary ternary = Ternary::allowed);  // an expression, or several with commas
  ExpressionPtr disjunction();
  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters = true);
  ExpressionPtr primary();
  ExpressionPtr postfix(ExpressionPtr object);
  ExpressionPtr filters(ExpressionPtr input);  // and tests
  ExpressionPtr filter(ExpressionPtr input);
  ExpressionPtr test(ExpressionPtr input);
  ExpressionPtr subscript(ExpressionPtr object);
  ExpressionPtr number();
  ExpressionPtr list_display();
  ExpressionPtr dict_display();
  ExpressionPtr parenthesis();
  CallArguments arguments();
  bool ends_expression() const;

  template <class Node>
  ExpressionPtr make(Node node, int line) {
    auto made = std::make_unique<Expression>();
    made->line = line;
    made->node = std::move(node);
    return made;
  }

  std::vector<Token> tokens_;
  const std::string& where_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
  bool varargs_ = false, kwargs_ = false;  // named in the macro that is being parsed
};

}  // namespace coppice::jinja
