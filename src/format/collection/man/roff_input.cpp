#include "format/collection/man/roff_input.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace coppice::man {
namespace {

constexpr size_t max_waiting = 100000;  // lines of macros that call each other

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view without_blanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

// The first word; `rest` becomes what is behind it.
std::string_view first_word(std::string_view& rest) {
  rest = without_blanks(rest);
  const auto word = rest.substr(0, std::min(rest.find_first_of(" \t"), rest.size()));
  rest.remove_prefix(word.size());
  return word;
}

bool continues(std::string_view line) {
  const size_t last = line.find_last_not_of('\\');
  return (line.size() - (last == line.npos ? 0 : last + 1)) % 2 != 0;
}

// A numeric expression of troff: no precedence, from the left. Units and what is not understood count as nothing.
class Expression {
 public:
  explicit Expression(std::string_view text) : text_(text) {}

  int64_t value(int depth = 0) {
    int64_t left = term(depth);
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool equal = at_ + 1 < text_.size() && text_[at_ + 1] == '=';
      if (std::string_view("+-*/%<>=&:").find(c) == std::string_view::npos) break;
      at_ += (c == '<' || c == '>' || c == '=') && equal ? 2 : 1;
      const int64_t right = term(depth);
      left = apply(c, equal, left, right);
    }
    return left;
  }
  size_t at() const { return at_; }

 private:
  static int64_t apply(char operation, bool equal, int64_t a, int64_t b) {
    const auto clamped = [](double x) { return static_cast<int64_t>(std::clamp(x, -1e15, 1e15)); };
    switch (operation) {
      case '+':
        return clamped(static_cast<double>(a) + static_cast<double>(b));
      case '-':
        return clamped(static_cast<double>(a) - static_cast<double>(b));
      case '*':
        return clamped(static_cast<double>(a) * static_cast<double>(b));
      case '/':
        return b == 0 ? 0 : a / b;
      case '%':
        return b == 0 ? 0 : a % b;
      case '<':
        return equal ? a <= b : a < b;
      case '>':
        return equal ? a >= b : a > b;
      case '=':
        return a == b;
      case '&':
        return a > 0 && b > 0;
      default:
        return a > 0 || b > 0;
    }
  }

  int64_t term(int depth) {
    if (at_ == text_.size()) return 0;
    if (text_[at_] == '(') {
      ++at_;
      const int64_t inner = depth < 16 ? value(depth + 1) : 0;
      if (at_ < text_.size() && text_[at_] == ')') ++at_;
      return inner;
    }
    if (text_[at_] == '!') {
      ++at_;
      return term(depth) <= 0;
    }
    int64_t number = 0;
    const size_t sign = text_[at_] == '+' ? 1 : 0;
    const char* begin = text_.data() + at_ + sign;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number);
    if (end == begin) return 0;
    if (error != std::errc()) number = 0;
    number = std::clamp<int64_t>(number, -1000000000, 1000000000);
    at_ = static_cast<size_t>(end - text_.data());
    if (at_ < text_.size() && std::string_view("icpPmnuvs").find(text_[at_]) != std::string_view::npos) ++at_;
    return number;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

bool RoffInput::raw_line(std::string& line) {
  const auto one = [this](std::string& into) {
    if (!waiting_.empty()) {
      into = std::move(waiting_.front());
      waiting_.pop_front();
      return true;
    }
    if (page_.empty()) return false;
    const size_t end = std::min(page_.find('\n'), page_.size());
    into = page_.substr(0, end);
    if (into.ends_with('\r')) into.pop_back();
    page_.remove_prefix(std::min(end + 1, page_.size()));
    return true;
  };
  if (!one(line)) return false;
  for (std::string more; continues(line) && one(more);) {
    line.pop_back();
    line += more;
  }
  return true;
}

bool RoffInput::next(RoffLine& line) {
  for (std::string raw; raw_line(raw);) {
    const bool control = !raw.empty() && (raw[0] == '.' || raw[0] == '\'');
    if (!control) {
      std::string_view text = without_comment(raw);
      if (text.empty() && !raw.empty()) continue;  // only a comment
      while (text.ends_with("\\}")) text.remove_suffix(2);
      line = {"", std::string(text)};
      return true;
    }
    std::string_view rest = without_blanks(without_comment(raw).substr(1));
    size_t end = 0;
    while (end < rest.size() && !is_blank(rest[end]) && rest[end] != '\\') ++end;
    const std::string name(rest.substr(0, end));
    rest.remove_prefix(end);
    while (rest.ends_with("\\}")) rest.remove_suffix(2);
    if (name.empty()) continue;
    if (request(name, rest)) continue;
    if (const auto found = macros_.find(name); found != macros_.end()) {
      call(found->second, rest);
      continue;
    }
    line = {name, std::string(without_blanks(rest))};
    return true;
  }
  return false;
}

// True for what is dealt with here.
bool RoffInput::request(const std::string& name, std::string_view rest) {
  if (name == "if" || name == "ie") {
    const bool truth = holds(rest);
    if (name == "ie" && conditions_.size() < max_waiting) conditions_.push_back(truth);
    branch(truth, rest);
  } else if (name == "el") {
    const bool before = conditions_.empty() || conditions_.back();
    if (!conditions_.empty()) conditions_.pop_back();
    branch(!before, rest);
  } else if (name == "de" || name == "de1" || name == "am" || name == "dei") {
    define(rest, name == "am");
  } else if (name == "ds" || name == "ds1" || name == "as") {
    set_string(rest, name == "as");
  } else if (name == "nr") {
    set_register(rest);
  } else if (name == "ig") {
    const auto end = std::string(first_word(rest));
    skip_to(end.empty() ? "." : end, nullptr);
  } else if (name == "als" || name == "rn") {
    const bool moves = name == "rn";
    const auto first = std::string(first_word(rest)), second = std::string(first_word(rest));
    const auto &from = moves ? first : second, &to = moves ? second : first;
    if (const auto found = macros_.find(from); found != macros_.end()) macros_[to] = found->second;
    if (moves) macros_.erase(from);
  } else if (name == "rm") {
    for (const auto& removed : split_arguments(rest)) {
      macros_.erase(removed);
      escapes_.strings.erase(removed);
    }
  } else {
    return false;
  }
  return true;
}

bool RoffInput::holds(std::string_view& rest) {
  rest = without_blanks(rest);
  bool negated = false;
  while (rest.starts_with('!')) {
    negated = !negated;
    rest.remove_prefix(1);
  }
  bool truth = false;
  const char first = rest.empty() ? ' ' : rest[0];
  const bool alone = rest.size() < 2 || is_blank(rest[1]) || rest[1] == '\\' || rest[1] == '.';
  if (alone && std::string_view("ntoev").find(first) != std::string_view::npos) {
    truth = first == 'n' || first == 'o';
    rest.remove_prefix(1);
  } else if (first == 'd' || first == 'r' || first == 'c' || first == 'm' || first == 'F' || first == 'S') {
    rest.remove_prefix(1);
    const auto name = first_word(rest);
    truth = first == 'd'   ? macros_.count(name) + escapes_.strings.count(name) > 0
            : first == 'r' ? escapes_.registers.count(name) > 0
                           : first == 'c';
  } else if (first == '\'' || first == '"') {
    rest.remove_prefix(1);
    const size_t middle = rest.find(first), end = middle == rest.npos ? middle : rest.find(first, middle + 1);
    if (end == rest.npos) {
      rest = {};
    } else {
      truth =
          escapes_.text(rest.substr(0, middle)) == escapes_.text(rest.substr(middle + 1, end - middle - 1));
      rest.remove_prefix(end + 1);
    }
  } else {
    // The expression goes up to a blank outside of parentheses.
    size_t end = 0;
    for (int64_t depth = 0; end < rest.size() && (depth > 0 || !is_blank(rest[end])); ++end) {
      if (rest.substr(end, 2) == "\\n") {  // the name of a register may hold a parenthesis
        end += 2;
        escape_name(rest, end);
        --end;
        continue;
      }
      depth += rest[end] == '(';
      depth -= rest[end] == ')';
      if (depth <= 0 && rest.substr(end, 2) == "\\{") break;
    }
    const std::string expression = escapes_.expanded(rest.substr(0, end));
    truth = Expression(expression).value() > 0;
    rest.remove_prefix(end);
  }
  return truth != negated;
}

// What a condition governs: the rest of the line, or a block \{ … \}.
void RoffInput::branch(bool truth, std::string_view rest) {
  rest = without_blanks(rest);
  const bool block = rest.starts_with("\\{");
  if (!truth) {
    if (block) skip_block(rest);
    return;
  }
  if (block) rest = without_blanks(rest.substr(2));
  if (!rest.empty()) waiting_.emplace_front(rest);
}

void RoffInput::skip_block(std::string_view rest) {
  int64_t depth = 0;
  const auto count = [&depth](std::string_view line) {
    for (size_t at = line.find('\\'); at != line.npos && at + 1 < line.size(); at = line.find('\\', at + 2)) {
      depth += line[at + 1] == '{';
      depth -= line[at + 1] == '}';
    }
  };
  count(rest);
  for (std::string line; depth > 0 && raw_line(line);) count(line);
}

void RoffInput::skip_to(const std::string& end, Macro* into) {
  for (std::string line; raw_line(line);) {
    std::string_view text = line;
    if (text.starts_with('.') && trim(without_comment(without_blanks(text.substr(1)))) == end) return;
    if (into == nullptr) continue;
    std::string body;
    for (size_t at = 0; at < text.size(); ++at) {
      body += text[at];
      if (text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '\\') ++at;
    }
    into->lines.push_back(std::move(body));
  }
}

void RoffInput::define(std::string_view rest, bool more) {
  const auto name = std::string(first_word(rest)), end = std::string(first_word(rest));
  Macro macro;
  if (more) macro = macros_[name];
  skip_to(end.empty() ? "." : end, &macro);
  if (!name.empty()) macros_[name] = std::move(macro);
}

void RoffInput::set_string(std::string_view rest, bool more) {
  const auto name = std::string(first_word(rest));
  rest = without_blanks(rest);
  if (rest.starts_with('"')) rest.remove_prefix(1);
  escapes_.spend(rest.size());
  auto& content = escapes_.strings[name];
  if (!more) content.clear();
  content += rest;
}

void RoffInput::set_register(std::string_view rest) {
  const auto name = std::string(first_word(rest));
  const std::string value = escapes_.expanded(first_word(rest));
  const bool relative = value.starts_with('+') || value.starts_with('-');
  const int64_t number = Expression(value).value();
  auto& stored = escapes_.registers[name];
  stored = std::clamp<int64_t>((relative ? stored : 0) + number, -1000000000000, 1000000000000);
}

void RoffInput::call(const Macro& macro, std::string_view rest) {
  const auto arguments = split_arguments(rest);
  std::vector<std::string> lines;
  for (const auto& line : macro.lines) lines.push_back(escapes_.expanded(line, &arguments));
  escapes_.spend(64);
  if (waiting_.size() + lines.size() > max_waiting) escapes_.spend(size_t{1} << 30);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(lines.begin()),
                  std::make_move_iterator(lines.end()));
}

}  // namespace coppice::man
