#pragma once
// A template's source cut into tokens, with Jinja's whitespace control as Transformers sets it: trim_blocks
// (the newline after a block or comment goes) and lstrip_blocks (spaces before one that begins its line go),
// and a single newline at the end of the template goes.

#include <string>
#include <string_view>
#include <vector>

namespace coppice::jinja {

struct Token {
  enum class Kind {
    data,         // text outside of all tags
    print_begin,  // {{
    print_end,    // }}
    block_begin,  // {%
    block_end,    // %}
    name,
    text,  // a string literal, its escapes resolved
    integer,
    number,  // with a fraction or an exponent
    symbol,  // an operator or a bracket
    end,
  };
  Kind kind = Kind::end;
  std::string text;  // as written, but for string literals
  int line = 1;

  bool is_symbol(std::string_view symbol) const { return kind == Kind::symbol && text == symbol; }
  bool is_name(std::string_view name) const { return kind == Kind::name && text == name; }
};

inline constexpr size_t max_template_bytes = size_t{1} << 20;

// All tokens, the last of kind `end`. `where` names the template in Errors, which add the line.
std::vector<Token> lex(std::string_view source, const std::string& where);

}  // namespace coppice::jinja
