#include "format/collection/man/roff_escapes.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "format/collection/man/special_characters.h"

namespace coppice::man {
namespace {

constexpr int max_depth = 16;
constexpr size_t max_expansion = size_t{64} << 20;

// Behind an argument between delimiters, as in \h'1i'; `at` is at the first of them.
std::string_view delimited(std::string_view raw, size_t& at) {
  if (at >= raw.size()) return {};
  const size_t begin = at + 1, end = std::min(raw.find(raw[at], begin), raw.size());
  at = std::min(end + 1, raw.size());
  return raw.substr(std::min(begin, raw.size()), end - std::min(begin, end));
}

}  // namespace

std::string_view escape_name(std::string_view raw, size_t& at) {
  if (at >= raw.size()) return {};
  if (raw[at] == '(') {
    const auto name = raw.substr(at + 1, 2);
    at = std::min(at + 3, raw.size());
    return name;
  }
  if (raw[at] == '[') {
    const size_t end = std::min(raw.find(']', at), raw.size());
    const auto name = raw.substr(at + 1, end - at - 1);
    at = std::min(end + 1, raw.size());
    return name;
  }
  const size_t size = std::max<size_t>(1, utf8_sequence(raw.substr(at)));
  const auto name = raw.substr(at, size);
  at += name.size();
  return name;
}

std::string_view without_comment(std::string_view line) {
  for (size_t at = line.find('\\'); at != line.npos && at + 1 < line.size(); at = line.find('\\', at + 2))
    if (line[at + 1] == '"' || line[at + 1] == '#') return line.substr(0, at);
  return line;
}

std::vector<std::string> split_arguments(std::string_view rest) {
  std::vector<std::string> words;
  for (size_t at = 0;;) {
    while (at < rest.size() && (rest[at] == ' ' || rest[at] == '\t')) ++at;
    if (at == rest.size()) return words;
    std::string& word = words.emplace_back();
    const bool quoted = rest[at] == '"';
    if (quoted) ++at;
    for (; at < rest.size(); ++at) {
      if (quoted && rest[at] == '"') {
        if (at + 1 == rest.size() || rest[at + 1] != '"') break;
        ++at;
      } else if (!quoted && (rest[at] == ' ' || rest[at] == '\t')) {
        break;
      } else if (rest[at] == '\\' && at + 1 < rest.size()) {
        word += rest[at++];
      }
      word += rest[at];
    }
    if (quoted && at < rest.size()) ++at;
  }
}

void RoffEscapes::spend(size_t bytes) {
  spent_ += bytes + 1;
  if (spent_ > max_expansion)
    throw Error({.where = where_,
                 .found = "strings or macros that expand to more than 64 MiB",
                 .expected = "a page that ends"});
}

std::string RoffEscapes::register_value(std::string_view name) const {
  const auto found = registers.find(name);
  return std::to_string(found == registers.end() ? 0 : found->second);
}

std::string RoffEscapes::expanded(std::string_view raw, const std::vector<std::string>* arguments) {
  std::string into;
  for (size_t at = 0; at < raw.size();) {
    if (into.size() > max_expansion) break;  // which spend() refuses
    if (raw[at] != '\\' || at + 1 == raw.size()) {
      into += raw[at++];
      continue;
    }
    const char kind = raw[at + 1];
    if (kind == '$' && arguments != nullptr) {
      at += 2;
      const auto name = escape_name(raw, at);
      if (name == "*" || name == "@") {
        for (size_t i = 0; i < arguments->size(); ++i) into += (i > 0 ? " " : "") + (*arguments)[i];
      } else if (name.size() == 1 && name[0] >= '1' && name[0] <= '9') {
        const auto i = static_cast<size_t>(name[0] - '1');
        if (i < arguments->size()) into += (*arguments)[i];
      }
    } else if (kind == '*') {
      at += 2;
      const auto found = strings.find(escape_name(raw, at));
      if (found != strings.end()) into += found->second;
    } else if (kind == 'n') {
      at += 2;
      if (at < raw.size() && (raw[at] == '+' || raw[at] == '-')) ++at;
      into += register_value(escape_name(raw, at));
    } else {
      into += raw.substr(at, 2);
      at += 2;
    }
  }
  spend(into.size());
  return into;
}

std::string RoffEscapes::text(std::string_view raw, int depth) {
  std::string into;
  for (size_t at = 0; at < raw.size();) {
    const char c = raw[at];
    if (c == '\\') {
      escape(raw, ++at, depth, into);
    } else {
      if (c == '\t' || static_cast<unsigned char>(c) >= ' ') into += c;
      ++at;
    }
  }
  return into;
}

void RoffEscapes::escape(std::string_view raw, size_t& at, int depth, std::string& into) {
  if (at >= raw.size()) return;
  const char kind = raw[at];
  switch (kind) {
    case '(':
    case '[': {
      const auto name = escape_name(raw, at);
      into += special_character(name).value_or("");
      return;
    }
    case 'C':
      ++at;
      into += special_character(delimited(raw, at)).value_or("");
      return;
    case '*': {
      ++at;
      const auto found = strings.find(escape_name(raw, at));
      if (found == strings.end() || depth >= max_depth) return;
      const std::string content = text(found->second, depth + 1);
      spend(content.size());
      into += content;
      return;
    }
    case 'n':
      ++at;
      if (at < raw.size() && (raw[at] == '+' || raw[at] == '-')) ++at;
      into += register_value(escape_name(raw, at));
      return;
    case 'f':
    case 'F':
    case 'g':
    case 'k':
    case 'm':
    case 'M':
    case 'Y':
    case 'V':
    case '$':
      ++at;
      escape_name(raw, at);
      return;
    case 's':
      ++at;
      if (at < raw.size() && (raw[at] == '+' || raw[at] == '-')) ++at;
      if (at < raw.size() && raw[at] == '\'')
        delimited(raw, at);
      else
        escape_name(raw, at);
      return;
    case 'h':
    case 'v':
    case 'w':
    case 'x':
    case 'b':
    case 'l':
    case 'L':
    case 'D':
    case 'S':
    case 'H':
    case 'A':
    case 'B':
    case 'R':
    case 'X':
    case 'Z':
      ++at;
      delimited(raw, at);
      return;
    case 'N': {
      ++at;
      const auto number = "char" + std::string(delimited(raw, at));
      into += special_character(number).value_or("");
      return;
    }
    case 'o': {
      ++at;
      const auto overstruck = delimited(raw, at);
      if (!overstruck.empty() && overstruck[0] != '\\')
        into += overstruck.substr(0, std::max<size_t>(1, utf8_sequence(overstruck)));
      return;
    }
    case 'z':
      ++at;
      escape_name(raw, at);
      return;
    case 'e':
    case '\\':
    case 'E':
      into += '\\';
      break;
    case '-':
      into += '-';
      break;
    case '\'':
      into += "´";
      break;
    case '`':
      into += '`';
      break;
    case ' ':
    case '~':
    case '0':
    case 't':
      into += ' ';
      break;
    case '.':
      into += '.';
      break;
    case 'c':
      into += joined;
      break;
    case '"':
    case '#':
      at = raw.size();
      return;
    case '&':
    case ')':
    case '|':
    case '^':
    case '/':
    case ',':
    case '%':
    case ':':
    case '{':
    case '}':
    case '!':
    case '?':
    case 'd':
    case 'u':
    case 'r':
    case 'p':
    case 'a':
      break;
    default:
      return;  // an escape of an ordinary character is that character
  }
  ++at;
}

}  // namespace coppice::man
