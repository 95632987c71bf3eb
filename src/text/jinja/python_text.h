#pragma once
// Texts as Python treats them: white space, escapes, case, and the two ways in which values are written out.

#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace coppice::jinja {

// White space as str.isspace has it: Unicode's, and the four separators from U+001C.
bool is_python_space(char32_t c);

// Bytes of white space at the begin and at the end of `text`.
size_t leading_space(std::string_view text);
size_t trailing_space(std::string_view text);

int64_t count_characters(std::string_view text);
// The bytes at which the characters begin, and the end.
std::vector<size_t> character_offsets(std::string_view text);

// The content of a string literal; empty for an escape that Python refuses.
std::optional<std::string> unescape(std::string_view literal);

std::string upper_case(std::string_view text);
std::string lower_case(std::string_view text);
std::string capitalized(std::string_view text);  // the first character upper, the others lower
std::string title_case(std::string_view text);   // the first letter of every word upper, the others lower

std::vector<std::string> split_lines(std::string_view text, bool keep_ends = false);
std::string replace_all(Runtime& runtime, std::string_view text, std::string_view old, std::string_view fresh,
                        int64_t count);

// As repr() of a number with a fraction: the shortest digits that give the same number again.
std::string number_text(double number);

// As str() and repr(), and as json.dumps without escapes beyond ASCII. The runtime pays for every byte.
std::string text_of(Runtime& runtime, const Value& value);
std::string repr(Runtime& runtime, const Value& value);

struct JsonStyle {
  std::optional<std::string> indent;  // that of one level; without it all is on one line
  std::string between = ", ", after_key = ": ";
  bool sort_keys = false, ascii = false;
};
std::string json_text(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace coppice::jinja
