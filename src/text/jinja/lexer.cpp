#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"
#include "base/strings.h"
#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace coppice::jinja {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Newlines of all systems become '\n', and one at the end goes.
std::string normalized(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      text += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      text += source[i];
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  Lexer(std::string source, const std::string& where) : source_(std::move(source)), where_(where) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) outside();
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& found, const std::string& expected = "") const {
    throw Error({.where = fmt::format("{}, line {}", where_, line_), .found = found, .expected = expected});
  }

  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  char peek(size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  void advance(size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
    line_begins_ = at_ > 0 && source_[at_ - 1] == '\n';
  }

  void skip_spaces() { advance(leading_space(rest())); }

  void add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  // Text up to the next tag, then that tag.
  void outside() {
    size_t tag = at_;
    for (; tag < source_.size(); ++tag) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) tag = source_.size();
      if (tag == source_.size()) break;
      const char second = source_[tag + 1];
      if (second == '{' || second == '%' || second == '#') break;
    }
    if (tag == source_.size()) {
      data(rest());
      return advance(source_.size() - at_);
    }
    const char second = source_[tag + 1], sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    data(before_tag(std::string_view(source_).substr(at_, tag - at_), sign, second != '{'));
    advance(tag - at_ + 2 + (sign == '-' || sign == '+' ? 1 : 0));
    if (second == '#') return comment();
    if (second == '{') return inside(Token::Kind::print_begin);
    if (!raw()) inside(Token::Kind::block_begin);
  }

  void data(std::string_view text) {
    if (!text.empty()) add(Token::Kind::data, std::string(text));
  }

  // What stays of the text before a tag.
  std::string_view before_tag(std::string_view text, char sign, bool block) const {
    if (sign == '-') return text.substr(0, text.size() - trailing_space(text));
    if (sign == '+' || !block) return text;
    const size_t newline = text.rfind('\n');
    if (newline == text.npos && !(line_begins_ || at_ == 0)) return text;
    const size_t line = newline == text.npos ? 0 : newline + 1;
    return leading_space(text.substr(line)) == text.size() - line ? text.substr(0, line) : text;
  }

  void after_block() {
    if (peek() == '\n') advance(1);
  }

  void comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail("a comment without its end", "#}");
    // The sign of {#-#} is that of its begin.
    const char sign = end > at_ ? source_[end - 1] : '\0';
    advance(end + 2 - at_);
    if (sign == '-') return skip_spaces();
    if (sign != '+') after_block();
  }

  // {% raw %}…{% endraw %}; false if the tag that begins here is another.
  bool raw() {
    size_t length = match_tag("raw", false, at_);
    if (length == 0) return false;
    advance(length);
    if (source_[at_ - 3] == '-') skip_spaces();
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 2)) {
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      const size_t name = tag + 2 + (sign == '-' || sign == '+' ? 1 : 0);
      length = match_tag("endraw", true, name);
      if (length == 0) continue;
      data(before_tag(std::string_view(source_).substr(at_, tag - at_), sign, true));
      advance(name + length - at_);
      const char end_sign = source_[at_ - 3];
      if (end_sign == '-')
        skip_spaces();
      else if (end_sign != '+')
        after_block();
      return true;
    }
    fail("a raw block without its end", "{% endraw %}");
  }

  // Bytes of "NAME %}" at `at`, with spaces and a sign; 0 if something else is there.
  size_t match_tag(std::string_view name, bool plus, size_t at) const {
    std::string_view text = std::string_view(source_).substr(at);
    const size_t whole = text.size();
    text.remove_prefix(leading_space(text));
    if (!text.starts_with(name)) return 0;
    text.remove_prefix(name.size());
    text.remove_prefix(leading_space(text));
    if (text.starts_with('-') || (plus && text.starts_with('+'))) text.remove_prefix(1);
    return text.starts_with("%}") ? whole - text.size() + 2 : 0;
  }

  void inside(Token::Kind begin) {
    add(begin, "");
    const bool block = begin == Token::Kind::block_begin;
    const std::string end = block ? "%}" : "}}";
    const int first_line = line_;
    while (true) {
      skip_spaces();
      if (at_ >= source_.size()) {
        line_ = first_line;
        fail("a tag without its end", end);
      }
      if (brackets_.empty()) {
        const char sign = peek();
        const bool minus = sign == '-' && rest().substr(1).starts_with(end);
        const bool plus = block && sign == '+' && rest().substr(1).starts_with(end);
        if (minus || plus || rest().starts_with(end)) {
          add(block ? Token::Kind::block_end : Token::Kind::print_end, "");
          advance(minus || plus ? 3 : 2);
          if (minus)
            skip_spaces();
          else if (block && !plus)
            after_block();
          return;
        }
      }
      token();
    }
  }

  void token() {
    const char c = peek();
    if (is_digit(c)) return number();
    if (begins_name(c)) {
      size_t length = 1;
      while (begins_name(peek(length)) || is_digit(peek(length))) ++length;
      add(Token::Kind::name, std::string(rest().substr(0, length)));
      return advance(length);
    }
    if (c == '"' || c == '\'') return literal(c);
    symbol();
  }

  void symbol() {
    static constexpr auto symbols = std::to_array<std::string_view>(
        {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
         "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"});
    for (const auto symbol : symbols) {
      if (!rest().starts_with(symbol)) continue;
      const char c = symbol[0];
      if (c == '(' || c == '[' || c == '{') brackets_ += c == '(' ? ')' : c == '[' ? ']' : '}';
      if (c == ')' || c == ']' || c == '}') {
        if (brackets_.empty()) fail(fmt::format("'{}' that closes nothing", c));
        if (brackets_.back() != c) fail(fmt::format("'{}'", c), fmt::format("'{}'", brackets_.back()));
        brackets_.pop_back();
      }
      add(Token::Kind::symbol, std::string(symbol));
      return advance(symbol.size());
    }
    fail(fmt::format("the character '{}'", rest().substr(0, std::min(utf8_length(peek()), rest().size()))));
  }

  // Digits with single underscores between them.
  size_t digits(size_t from) const {
    size_t length = from;
    while (is_digit(peek(length)) || (peek(length) == '_' && length > from && is_digit(peek(length + 1))))
      ++length;
    return length - from;
  }

  void number() {
    if (peek() == '0' && std::string_view("xXoObB").find(peek(1)) != std::string_view::npos) {
      size_t end = 2;
      while (std::isxdigit(static_cast<unsigned char>(peek(end))) != 0 || peek(end) == '_') ++end;
      std::string text(rest().substr(0, end));
      std::erase(text, '_');
      add(Token::Kind::integer, text);
      return advance(end);
    }
    size_t length = digits(0);
    bool whole = true;
    // In a.1.2 the second point is a look-up.
    const bool after_point = at_ > 0 && source_[at_ - 1] == '.';
    if (!after_point && peek(length) == '.' && is_digit(peek(length + 1))) {
      length += 1 + digits(length + 1);
      whole = false;
    }
    if (!after_point && (peek(length) == 'e' || peek(length) == 'E')) {
      const size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-' ? 1 : 0;
      if (const size_t exponent = digits(length + 1 + sign); exponent > 0) {
        length += 1 + sign + exponent;
        whole = false;
      }
    }
    std::string text(rest().substr(0, length));
    std::erase(text, '_');
    add(whole ? Token::Kind::integer : Token::Kind::number, text);
    advance(length);
  }

  void literal(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a string without its end", fmt::format("{}", quote));
    const std::string_view inner = std::string_view(source_).substr(at_ + 1, end - at_ - 1);
    const auto text = unescape(inner);
    if (!text)
      fail(fmt::format("the string {}{}{}", quote, inner.substr(0, 60), quote), "escapes as in Python");
    add(Token::Kind::text, *text);
    advance(end + 1 - at_);
  }

  std::string source_;
  const std::string& where_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_begins_ = false;  // what was read last ended in a newline
  std::string brackets_;      // those to close, the innermost last
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> lex(std::string_view source, const std::string& where) {
  if (source.size() > max_template_bytes)
    throw Error({.where = where,
                 .found = fmt::format("a template of {} bytes", source.size()),
                 .expected = fmt::format("at most {}", max_template_bytes)});
  if (!is_utf8(source)) throw Error({.where = where, .found = "a template that is not UTF-8"});
  return Lexer(normalized(source), where).run();
}

}  // namespace coppice::jinja
