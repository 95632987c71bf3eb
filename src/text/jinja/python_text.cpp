#include "text/jinja/python_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <utf8proc.h>

#include "text/utf8.h"

namespace coppice::jinja {
namespace {

std::string convert(std::string_view text, utf8proc_int32_t (*change)(utf8proc_int32_t)) {
  std::string out;
  for (size_t at = 0; at < text.size();)
    append_character(out,
                     static_cast<char32_t>(change(static_cast<utf8proc_int32_t>(next_character(text, at)))));
  return out;
}

std::optional<uint32_t> parse_digits(std::string_view digits, uint32_t base) {
  uint32_t value = 0;
  for (const char c : digits) {
    const uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                           : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                                  : 16;
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

}  // namespace

bool is_python_space(char32_t c) {
  return is_space(c) || (c >= 0x1C && c <= 0x1F);
}

size_t leading_space(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size(); end = at)
    if (!is_python_space(next_character(text, at))) break;
  return end;
}

size_t trailing_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const size_t begin = previous_character(text, end);
    size_t at = begin;
    if (!is_python_space(next_character(text, at))) break;
    end = begin;
  }
  return text.size() - end;
}

int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::vector<size_t> character_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.size(); at += utf8_length(text[at])) offsets.push_back(at);
  offsets.push_back(text.size());
  return offsets;
}

std::optional<std::string> unescape(std::string_view literal) {
  std::string out;
  for (size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\') {
      out += literal[i];
      continue;
    }
    if (++i == literal.size()) return std::nullopt;
    const char c = literal[i];
    static constexpr std::string_view letters = "abfnrtv\\'\"", meanings = "\a\b\f\n\r\t\v\\'\"";
    if (const size_t known = letters.find(c); known != letters.npos) {
      out += meanings[known];
    } else if (c == '\n') {
      continue;  // a line that goes on
    } else if (c >= '0' && c <= '7') {
      size_t length = 1;
      while (length < 3 && i + length < literal.size() && literal[i + length] >= '0' &&
             literal[i + length] <= '7')
        ++length;
      append_character(out, *parse_digits(literal.substr(i, length), 8));
      i += length - 1;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      const size_t length = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      if (i + length >= literal.size()) return std::nullopt;
      const auto code = parse_digits(literal.substr(i + 1, length), 16);
      if (!code || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF)) return std::nullopt;
      append_character(out, *code);
      i += length;
    } else {
      out += '\\';  // as Python, what is no escape stands for itself
      out += c;
    }
  }
  return out;
}

std::string upper_case(std::string_view text) {
  return convert(text, utf8proc_toupper);
}

std::string lower_case(std::string_view text) {
  return convert(text, utf8proc_tolower);
}

std::string capitalized(std::string_view text) {
  if (text.empty()) return "";
  const size_t first = utf8_length(text[0]);
  return convert(text.substr(0, first), utf8proc_totitle) + lower_case(text.substr(first));
}

std::string title_case(std::string_view text) {
  std::string out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const auto c = static_cast<utf8proc_int32_t>(next_character(text, at));
    append_character(out, static_cast<char32_t>(inside ? utf8proc_tolower(c) : utf8proc_totitle(c)));
    inside = utf8proc_tolower(c) != c || utf8proc_toupper(c) != c;
  }
  return out;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = next_character(text, at);
    const bool newline =
        (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!newline) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.emplace_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string replace_all(Runtime& runtime, std::string_view text, std::string_view old, std::string_view fresh,
                        int64_t count) {
  std::string out;
  const auto add = [&](std::string_view part) {
    runtime.spend_bytes(part.size());
    out += part;
  };
  size_t begin = 0;
  for (size_t at = 0; count != 0; --count) {
    // An empty text is found before every character and at the end.
    const size_t found = text.find(old, at);
    if (found == text.npos) break;
    add(text.substr(begin, found - begin));
    add(fresh);
    begin = found + old.size();
    at = begin;
    if (old.empty()) {
      if (begin == text.size()) break;
      at = begin + utf8_length(text[begin]);
    }
  }
  add(text.substr(begin));
  return out;
}

}  // namespace coppice::jinja
