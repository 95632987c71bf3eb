#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/error.h"
#include "text/jinja/parser.h"

namespace coppice::jinja {

ExpressionPtr Parser::expression(Ternary ternary) {
  const Level level(*this);
  const int line = now().line;
  ExpressionPtr result = disjunction();
  while (ternary == Ternary::allowed && skip_name("if")) {
    deeper();
    Conditional conditional;
    conditional.condition = disjunction();
    conditional.yes = std::move(result);
    if (skip_name("else")) conditional.no = expression();
    result = make(std::move(conditional), line);
  }
  return result;
}

bool Parser::ends_expression() const {
  return now().kind == Token::Kind::print_end || now().kind == Token::Kind::block_end || now().is_symbol(")");
}

ExpressionPtr Parser::tuple(Ternary ternary) {
  const int line = now().line;
  ExpressionPtr first = expression(ternary);
  if (!now().is_symbol(",")) return first;
  ListDisplay all{.items = {}, .tuple = true};
  all.items.push_back(std::move(first));
  while (skip_symbol(",")) {
    if (ends_expression()) break;
    all.items.push_back(expression(ternary));
  }
  return make(std::move(all), line);
}

ExpressionPtr Parser::disjunction() {
  const int line = now().line;
  ExpressionPtr left = conjunction();
  while (skip_name("or")) {
    deeper();
    ExpressionPtr right = conjunction();
    left = make(Logic{false, std::move(left), std::move(right)}, line);
  }
  return left;
}

ExpressionPtr Parser::conjunction() {
  const int line = now().line;
  ExpressionPtr left = negation();
  while (skip_name("and")) {
    deeper();
    ExpressionPtr right = negation();
    left = make(Logic{true, std::move(left), std::move(right)}, line);
  }
  return left;
}

ExpressionPtr Parser::negation() {
  const int line = now().line;
  if (!skip_name("not")) return comparison();
  const Level level(*this);
  return make(Unary{Sign::inverse, negation()}, line);
}

ExpressionPtr Parser::comparison() {
  static constexpr std::pair<const char*, Relation> relations[] = {
      {"==", Relation::equal},      {"!=", Relation::unequal}, {"<", Relation::less},
      {"<=", Relation::less_equal}, {">", Relation::greater},  {">=", Relation::greater_equal},
  };
  const int line = now().line;
  Comparison all;
  all.first = sum();
  while (true) {
    const auto* const found =
        std::find_if(std::begin(relations), std::end(relations),
                     [this](const auto& known) { return now().is_symbol(known.first); });
    Relation relation = Relation::in;
    if (found != std::end(relations)) {
      relation = found->second;
      step();
    } else if (now().is_name("not") && next().is_name("in")) {
      relation = Relation::not_in;
      step();
      step();
    } else if (!skip_name("in")) {
      break;
    }
    all.rest.emplace_back(relation, sum());
  }
  return all.rest.empty() ? std::move(all.first) : make(std::move(all), line);
}

ExpressionPtr Parser::sum() {
  const int line = now().line;
  ExpressionPtr left = concatenation();
  while (now().is_symbol("+") || now().is_symbol("-")) {
    deeper();
    const Operator op = now().is_symbol("+") ? Operator::add : Operator::subtract;
    step();
    ExpressionPtr right = concatenation();
    left = make(Binary{op, std::move(left), std::move(right)}, line);
  }
  return left;
}

ExpressionPtr Parser::concatenation() {
  const int line = now().line;
  Concatenation all;
  do all.parts.push_back(product());
  while (skip_symbol("~"));
  return all.parts.size() == 1 ? std::move(all.parts.front()) : make(std::move(all), line);
}

ExpressionPtr Parser::product() {
  static constexpr std::pair<const char*, Operator> operators[] = {{"*", Operator::multiply},
                                                                   {"/", Operator::divide},
                                                                   {"//", Operator::floor_divide},
                                                                   {"%", Operator::modulo}};
  const int line = now().line;
  ExpressionPtr left = power();
  while (true) {
    const auto* const found =
        std::find_if(std::begin(operators), std::end(operators),
                     [this](const auto& known) { return now().is_symbol(known.first); });
    if (found == std::end(operators)) return left;
    deeper();
    step();
    ExpressionPtr right = power();
    left = make(Binary{found->second, std::move(left), std::move(right)}, line);
  }
}

ExpressionPtr Parser::power() {
  const int line = now().line;
  ExpressionPtr left = unary();
  while (skip_symbol("**")) {
    deeper();
    ExpressionPtr right = unary();
    left = make(Binary{Operator::power, std::move(left), std::move(right)}, line);
  }
  return left;
}

ExpressionPtr Parser::unary(bool with_filters) {
  const Level level(*this);
  const int line = now().line;
  ExpressionPtr node;
  if (skip_symbol("-"))
    node = make(Unary{Sign::minus, unary(false)}, line);
  else if (skip_symbol("+"))
    node = make(Unary{Sign::plus, unary(false)}, line);
  else
    node = primary();
  node = postfix(std::move(node));
  return with_filters ? filters(std::move(node)) : std::move(node);
}

ExpressionPtr Parser::primary() {
  const int line = now().line;
  const Token token = now();
  switch (token.kind) {
    case Token::Kind::name:
      step();
      if (token.text == "true" || token.text == "True") return make(Literal{true}, line);
      if (token.text == "false" || token.text == "False") return make(Literal{false}, line);
      if (token.text == "none" || token.text == "None") return make(Literal{None{}}, line);
      varargs_ |= token.text == "varargs";
      kwargs_ |= token.text == "kwargs";
      return make(Name{token.text}, line);
    case Token::Kind::text: {
      std::string text;
      for (; now().kind == Token::Kind::text; step()) text += now().text;
      return make(Literal{std::move(text)}, line);
    }
    case Token::Kind::integer:
    case Token::Kind::number:
      return number();
    case Token::Kind::symbol:
      if (token.text == "(") return parenthesis();
      if (token.text == "[") return list_display();
      if (token.text == "{") return dict_display();
      break;
    default:
      break;
  }
  unexpected("an expression");
}

ExpressionPtr Parser::number() {
  const int line = now().line;
  const std::string text = now().text;
  if (now().kind == Token::Kind::number) {
    step();
    return make(Literal{std::strtod(text.c_str(), nullptr)}, line);
  }
  static constexpr std::pair<char, int> bases[] = {{'x', 16}, {'o', 8}, {'b', 2}};
  int base = 10;
  for (const auto& [letter, value] : bases)
    if (text.size() > 1 && (text[1] | 0x20) == letter) base = value;
  int64_t value = 0;
  const char* const begin = text.data() + (base == 10 ? 0 : 2);
  const auto [end, fault] = std::from_chars(begin, text.data() + text.size(), value, base);
  if (fault != std::errc() || end != text.data() + text.size())
    fail(fmt::format("the number {}", text), "a whole number of at most 64 bits");
  step();
  return make(Literal{value}, line);
}

ExpressionPtr Parser::parenthesis() {
  const int line = now().line;
  need_symbol("(");
  if (skip_symbol(")")) return make(ListDisplay{.items = {}, .tuple = true}, line);
  ExpressionPtr inner = tuple();
  need_symbol(")");
  return inner;
}

ExpressionPtr Parser::list_display() {
  const int line = now().line;
  need_symbol("[");
  ListDisplay all;
  while (!skip_symbol("]")) {
    if (!all.items.empty()) need_symbol(",");
    if (skip_symbol("]")) break;
    all.items.push_back(expression());
  }
  return make(std::move(all), line);
}

ExpressionPtr Parser::dict_display() {
  const int line = now().line;
  need_symbol("{");
  DictDisplay all;
  while (!skip_symbol("}")) {
    if (!all.items.empty()) need_symbol(",");
    if (skip_symbol("}")) break;
    ExpressionPtr key = expression();
    need_symbol(":");
    all.items.emplace_back(std::move(key), expression());
  }
  return make(std::move(all), line);
}

ExpressionPtr Parser::postfix(ExpressionPtr object) {
  while (true) {
    const int line = now().line;
    if (skip_symbol(".")) {
      deeper();
      if (now().kind == Token::Kind::integer) {
        object = make(Subscript{std::move(object), number()}, line);
      } else {
        std::string name = identifier("the name of an attribute");
        object = make(Attribute{std::move(object), std::move(name)}, line);
      }
    } else if (now().is_symbol("[")) {
      deeper();
      object = subscript(std::move(object));
    } else if (now().is_symbol("(")) {
      deeper();
      object = make(Call{std::move(object), arguments()}, line);
    } else {
      return object;
    }
  }
}

ExpressionPtr Parser::subscript(ExpressionPtr object) {
  const int line = now().line;
  need_symbol("[");
  ExpressionPtr start;
  if (!now().is_symbol(":")) {
    start = tuple();
    if (skip_symbol("]")) return make(Subscript{std::move(object), std::move(start)}, line);
  }
  Slice slice{std::move(object), std::move(start), nullptr, nullptr};
  need_symbol(":");
  if (!now().is_symbol(":") && !now().is_symbol("]")) slice.stop = expression();
  if (skip_symbol(":") && !now().is_symbol("]")) slice.step = expression();
  need_symbol("]");
  return make(std::move(slice), line);
}

CallArguments Parser::arguments() {
  CallArguments result;
  need_symbol("(");
  bool first = true;
  while (!skip_symbol(")")) {
    if (!first) need_symbol(",");
    first = false;
    if (skip_symbol(")")) break;
    if (skip_symbol("**")) {
      if (result.more_named) fail("a second '**' argument");
      result.more_named = expression();
    } else if (skip_symbol("*")) {
      if (result.more_positional || result.more_named) fail("a '*' argument behind another of its kind");
      result.more_positional = expression();
    } else if (now().kind == Token::Kind::name && next().is_symbol("=")) {
      std::string name = identifier("a name");
      step();
      result.named.emplace_back(std::move(name), expression());
    } else {
      if (!result.named.empty() || result.more_positional || result.more_named)
        fail("an argument without a name behind those with one");
      result.positional.push_back(expression());
    }
  }
  return result;
}

ExpressionPtr Parser::filters(ExpressionPtr input) {
  while (true) {
    if (skip_symbol("|")) {
      deeper();
      input = filter(std::move(input));
    } else if (skip_name("is")) {
      deeper();
      input = test(std::move(input));
    } else if (now().is_symbol("(")) {  // the value of a filter, called
      deeper();
      const int line = now().line;
      input = make(Call{std::move(input), arguments()}, line);
    } else {
      return input;
    }
  }
}

// Behind '|'.
ExpressionPtr Parser::filter(ExpressionPtr input) {
  const int line = now().line;
  FilterUse use{std::move(input), identifier("the name of a filter"), {}};
  if (now().is_symbol("(")) use.arguments = arguments();
  return make(std::move(use), line);
}

// Behind 'is'. An argument may follow without parentheses: x is divisibleby 3.
ExpressionPtr Parser::test(ExpressionPtr input) {
  const int line = now().line;
  const bool inverse = skip_name("not");
  TestUse use{std::move(input), identifier("the name of a test"), {}};
  const bool value = now().kind == Token::Kind::name || now().kind == Token::Kind::text ||
                     now().kind == Token::Kind::integer || now().kind == Token::Kind::number ||
                     now().is_symbol("[") || now().is_symbol("{");
  const bool word = now().is_name("else") || now().is_name("or") || now().is_name("and") ||
                    now().is_name("if") || now().is_name("is") || now().is_name("in") ||
                    now().is_name("not") || now().is_name("recursive");
  if (now().is_symbol("(")) {
    use.arguments = arguments();
  } else if (value && !word) {
    use.arguments.positional.push_back(postfix(primary()));
  }
  ExpressionPtr result = make(std::move(use), line);
  return inverse ? make(Unary{Sign::inverse, std::move(result)}, line) : std::move(result);
}

}  // namespace coppice::jinja
