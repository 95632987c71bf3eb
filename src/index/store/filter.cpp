#include "index/store/filter.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "base/error.h"

namespace coppice {
namespace {

constexpr int deepest = 100;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

class FilterParser {
 public:
  explicit FilterParser(const std::string& text) : text_(text) {}

  SqlCondition parse() {
    any(0);
    skip_space();
    if (at_ < text_.size()) fail("'and', 'or' or the end");
    return std::move(condition_);
  }

 private:
  [[noreturn]] void fail(const std::string& expected) {
    const std::string rest = text_.substr(std::min(at_, text_.size()), 20);
    throw Error({.where = "--filter",
                 .found = rest.empty() ? "the end" : fmt::format("'{}' at character {}", rest, at_ + 1),
                 .expected = expected,
                 .advice = "filters look like: year >= 1990 and (lang = 'en' or not draft = true)"},
                Fault::usage);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }

  bool take(std::string_view token) {
    skip_space();
    if (text_.compare(at_, token.size(), token) != 0) return false;
    const size_t end = at_ + token.size();
    if (is_word(token[0]) && end < text_.size() && is_word(text_[end])) return false;
    at_ = end;
    return true;
  }

  void any(int depth) {
    condition_.sql += "(";
    all(depth);
    while (take("or")) {
      condition_.sql += " OR ";
      all(depth);
    }
    condition_.sql += ")";
  }

  void all(int depth) {
    one(depth);
    while (take("and")) {
      condition_.sql += " AND ";
      one(depth);
    }
  }

  void one(int depth) {
    if (depth > deepest) fail("fewer parentheses");
    if (take("not")) {
      condition_.sql += "NOT ";
      return one(depth + 1);
    }
    if (take("(")) {
      any(depth + 1);
      if (!take(")")) fail("')'");
      return;
    }
    comparison();
  }

  std::string path() {
    skip_space();
    std::string key;
    while (at_ < text_.size() && is_word(text_[at_])) key += text_[at_++];
    if (key.empty()) fail("a metadata key");
    // $."a"."b", as SQLite's JSON functions have it.
    std::string path = "$";
    for (size_t begin = 0; begin <= key.size();) {
      const size_t end = std::min(key.find('.', begin), key.size());
      path += ".\"" + key.substr(begin, end - begin) + "\"";
      begin = end + 1;
    }
    return path;
  }

  void comparison() {
    const std::string key = path();
    const auto extract = [&] {
      condition_.values.emplace_back(key);
      return "json_extract(metadata, ?)";
    };
    if (take("exists")) {
      condition_.values.emplace_back(key);
      condition_.sql += "(json_type(metadata, ?) IS NOT NULL)";
      return;
    }
    if (take("contains")) {
      // An array's member, or a piece of a text.
      condition_.values.emplace_back(key);
      condition_.sql +=
          "EXISTS (SELECT 1 FROM json_each(metadata, ?) AS member WHERE CASE WHEN json_type(metadata, ?) "
          "= 'array' THEN member.value = ? ELSE instr(member.value, ?) > 0 END)";
      condition_.values.emplace_back(key);
      const auto wanted = value();
      condition_.values.push_back(wanted);
      condition_.values.push_back(wanted);
      return;
    }
    for (const char* op : {"!=", "<=", ">=", "=", "<", ">"})
      if (take(op)) {
        // A key that is not there fails every comparison but !=.
        condition_.sql += extract() +
                          std::string(std::string_view(op) == "!="  ? " IS NOT "
                                      : std::string_view(op) == "=" ? " IS "
                                                                    : op) +
                          " ?";
        condition_.values.push_back(value());
        return;
      }
    fail("one of = != < <= > >= contains exists");
  }

  std::variant<int64_t, double, std::string> value() {
    if (take("true")) return int64_t{1};
    if (take("false")) return int64_t{0};
    skip_space();
    if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
      const char quote = text_[at_];
      const size_t end = text_.find(quote, at_ + 1);
      if (end == std::string::npos) fail(std::string("a closing ") + quote);
      std::string content = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return content;
    }
    size_t end = at_;
    while (end < text_.size() && (is_word(text_[end]) || text_[end] == '+')) ++end;
    const char *first = text_.data() + at_, *last = text_.data() + end;
    int64_t whole = 0;
    if (const auto [stop, error] = std::from_chars(first, last, whole);
        error == std::errc() && stop == last && first < last) {
      at_ = end;
      return whole;
    }
    double number = 0;
    if (const auto [stop, error] = std::from_chars(first, last, number);
        error == std::errc() && stop == last && first < last && std::isfinite(number)) {
      at_ = end;
      return number;
    }
    fail("a number, a text in quotes, true or false");
  }

  const std::string& text_;
  size_t at_ = 0;
  SqlCondition condition_;
};

}  // namespace

void SqlCondition::bind(Statement& statement) const {
  for (size_t i = 0; i < values.size(); ++i)
    std::visit([&](const auto& value) { statement.bind(static_cast<int>(i) + 1, value); }, values[i]);
}

SqlCondition parse_filter(const std::string& text) {
  return FilterParser(text).parse();
}

}  // namespace coppice
