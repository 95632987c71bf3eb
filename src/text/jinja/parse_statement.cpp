#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "text/jinja/parser.h"

namespace coppice::jinja {
namespace {

constexpr int max_syntax_depth = 200;

std::string shown(const Token& token) {
  switch (token.kind) {
    case Token::Kind::data:
      return "text";
    case Token::Kind::print_begin:
      return "'{{'";
    case Token::Kind::print_end:
      return "'}}'";
    case Token::Kind::block_begin:
      return "'{%'";
    case Token::Kind::block_end:
      return "'%}'";
    case Token::Kind::text:
      return "a string";
    case Token::Kind::end:
      return "the end of the template";
    default:
      return fmt::format("'{}'", token.text);
  }
}

}  // namespace

void Parser::fail(const std::string& found, const std::string& expected, const std::string& advice) const {
  throw Error({.where = fmt::format("{}, line {}", where_, now().line),
               .found = found,
               .expected = expected,
               .advice = advice});
}

void Parser::unexpected(const std::string& expected) const {
  fail(shown(now()), expected);
}

void Parser::deeper() {
  if (++depth_ > max_syntax_depth)
    fail("syntax nested too deeply", fmt::format("at most {} levels", max_syntax_depth));
}

bool Parser::skip_symbol(std::string_view symbol) {
  if (!now().is_symbol(symbol)) return false;
  step();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!now().is_name(name)) return false;
  step();
  return true;
}

void Parser::need_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) unexpected(fmt::format("'{}'", symbol));
}

void Parser::need_name(std::string_view name) {
  if (!skip_name(name)) unexpected(fmt::format("'{}'", name));
}

void Parser::need_block_end() {
  if (now().kind != Token::Kind::block_end) unexpected("'%}'");
  step();
}

std::string Parser::identifier(const char* what) {
  if (now().kind != Token::Kind::name) unexpected(what);
  std::string name = now().text;
  step();
  return name;
}

Body Parser::parse_template() {
  Body whole = body({});
  if (now().kind != Token::Kind::end) unexpected("the end of the template");
  return whole;
}

bool Parser::at_end_of(std::initializer_list<const char*> ends) const {
  return now().kind == Token::Kind::block_begin &&
         std::any_of(ends.begin(), ends.end(), [this](const char* end) { return next().is_name(end); });
}

// Statements up to the block that one of `ends` begins, or to the end of the template.
Body Parser::body(std::initializer_list<const char*> ends) {
  const Level level(*this);
  Body result;
  while (!at_end_of(ends)) {
    const int line = now().line;
    if (now().kind == Token::Kind::end) {
      if (ends.size() == 0) return result;
      unexpected(fmt::format("'{{% {} %}}'", *(ends.end() - 1)));
    }
    if (now().kind == Token::Kind::data) {
      result.push_back({line, Data{now().text}});
      step();
    } else if (now().kind == Token::Kind::print_begin) {
      step();
      Print print{tuple()};
      if (now().kind != Token::Kind::print_end) unexpected("'}}'");
      step();
      result.push_back({line, std::move(print)});
    } else {
      step();
      statement(result);
      result.back().line = line;
    }
  }
  step();  // {%, so that the name of the end is next
  return result;
}

// Behind '{%'.
void Parser::statement(Body& body) {
  const std::string name = identifier("the name of a statement");
  if (name == "set") return body.push_back(set());
  if (name == "if") return body.push_back(conditional());
  if (name == "for") return body.push_back(loop());
  if (name == "macro") return body.push_back(macro());
  if (name == "call") return body.push_back(call_block());
  if (name == "filter") return body.push_back(filter_block());
  if (name == "with") return body.push_back(with());
  if (name == "generation") return body.push_back(generation());
  if (name == "break" || name == "continue") return loop_control(body, name == "break");
  static const std::vector<std::string> known = {"set",  "if",         "for",   "macro",    "call", "filter",
                                                 "with", "generation", "break", "continue", "raw"};
  fail(fmt::format("'{{% {} %}}'", name), "a statement that chat templates have", suggest(name, known));
}

Target Parser::single_target(bool attributes) {
  if (skip_symbol("(")) {
    Target inner = target(attributes);
    need_symbol(")");
    return inner;
  }
  Target single{.name = identifier("a name to assign to"), .attribute = {}, .parts = {}};
  for (const char* constant : {"true", "false", "none", "True", "False", "None"})
    if (single.name == constant) fail(fmt::format("an assignment to '{}'", constant), "a name");
  if (attributes && skip_symbol(".")) single.attribute = identifier("the name of an attribute");
  return single;
}

Target Parser::target(bool attributes) {
  const Level level(*this);
  Target first = single_target(attributes);
  if (!now().is_symbol(",")) return first;
  Target all;
  all.parts.push_back(std::move(first));
  while (skip_symbol(",")) {
    if (now().is_name("in") || now().is_symbol("=") || now().is_symbol(")")) break;
    all.parts.push_back(single_target(attributes));
  }
  return all;
}

Statement Parser::set() {
  Target left = target(true);
  if (skip_symbol("=")) {
    Set assignment{std::move(left), tuple()};
    need_block_end();
    return {1, std::move(assignment)};
  }
  SetBlock block{std::move(left), nullptr, {}};
  while (skip_symbol("|")) block.filter = filter(std::move(block.filter));
  need_block_end();
  block.body = body({"endset"});
  step();
  need_block_end();
  return {1, std::move(block)};
}

Statement Parser::conditional() {
  If result;
  do {
    ExpressionPtr condition = tuple(Ternary::left_alone);
    need_block_end();
    result.branches.emplace_back(std::move(condition), body({"elif", "else", "endif"}));
  } while (skip_name("elif"));
  if (skip_name("else")) {
    need_block_end();
    result.otherwise = body({"endif"});
  }
  need_name("endif");
  need_block_end();
  return {1, std::move(result)};
}

Statement Parser::loop() {
  For result;
  result.target = target(false);
  need_name("in");
  result.items = tuple(Ternary::left_alone);
  if (skip_name("if")) result.condition = expression();
  result.recursive = skip_name("recursive");
  need_block_end();
  ++loops_;
  result.body = body({"else", "endfor"});
  --loops_;
  if (skip_name("else")) {
    need_block_end();
    result.otherwise = body({"endfor"});
  }
  need_name("endfor");
  need_block_end();
  return {1, std::move(result)};
}

void Parser::loop_control(Body& body, bool leave) {
  if (loops_ == 0) fail(leave ? "'break' outside of a loop" : "'continue' outside of a loop");
  need_block_end();
  if (leave)
    body.push_back({1, Break{}});
  else
    body.push_back({1, Continue{}});
}

std::vector<Parameter> Parser::parameters() {
  std::vector<Parameter> result;
  need_symbol("(");
  while (!skip_symbol(")")) {
    if (!result.empty()) need_symbol(",");
    if (skip_symbol(")")) break;
    Parameter parameter{identifier("the name of a parameter"), nullptr};
    for (const auto& other : result)
      if (other.name == parameter.name) fail(fmt::format("the parameter '{}' twice", parameter.name));
    if (skip_symbol("="))
      parameter.fallback = expression();
    else if (!result.empty() && result.back().fallback)
      fail(fmt::format("the parameter '{}' without a default behind one that has one", parameter.name));
    result.push_back(std::move(parameter));
  }
  return result;
}

void Parser::macro_body(MacroDefinition& definition, const char* end) {
  const int loops = std::exchange(loops_, 0);
  const bool varargs = std::exchange(varargs_, false), kwargs = std::exchange(kwargs_, false);
  definition.body = body({end});
  definition.varargs = std::exchange(varargs_, varargs);
  definition.kwargs = std::exchange(kwargs_, kwargs);
  loops_ = loops;
  step();
}

Statement Parser::macro() {
  auto definition = std::make_shared<MacroDefinition>();
  definition->name = identifier("the name of the macro");
  definition->parameters = parameters();
  need_block_end();
  macro_body(*definition, "endmacro");
  if (now().is_name(definition->name)) step();
  need_block_end();
  return {1, Macro{std::move(definition)}};
}

Statement Parser::call_block() {
  auto caller = std::make_shared<MacroDefinition>();
  caller->name = "caller";
  if (now().is_symbol("(")) caller->parameters = parameters();
  CallBlock block{unary(), nullptr};
  if (!std::holds_alternative<Call>(block.call->node)) fail("no call", "a macro and its arguments");
  need_block_end();
  macro_body(*caller, "endcall");
  need_block_end();
  block.caller = std::move(caller);
  return {1, std::move(block)};
}

Statement Parser::filter_block() {
  FilterBlock block;
  do block.filter = filter(std::move(block.filter));
  while (skip_symbol("|"));
  need_block_end();
  block.body = body({"endfilter"});
  step();
  need_block_end();
  return {1, std::move(block)};
}

Statement Parser::with() {
  With block;
  while (now().kind != Token::Kind::block_end) {
    if (!block.values.empty()) need_symbol(",");
    Target left = single_target(false);
    need_symbol("=");
    block.values.emplace_back(std::move(left), expression());
  }
  step();
  block.body = body({"endwith"});
  step();
  need_block_end();
  return {1, std::move(block)};
}

Statement Parser::generation() {
  need_block_end();
  With block;
  block.body = body({"endgeneration"});
  step();
  need_block_end();
  return {1, std::move(block)};
}

Body parse(std::vector<Token> tokens, const std::string& where) {
  return Parser(std::move(tokens), where).parse_template();
}

}  // namespace coppice::jinja
