#pragma once
// Small helpers on text.

#include <string>
#include <string_view>
#include <vector>

namespace coppice {

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

// Bytes of the well-formed UTF-8 sequence at the start of `text`; 0 if there is none.
size_t utf8_sequence(std::string_view text);

// True if `text` is well-formed UTF-8 (no overlong forms, surrogates or values above U+10FFFF).
bool is_utf8(std::string_view text);

// The text with every malformed byte sequence replaced by U+FFFD.
std::string to_utf8(std::string_view bytes);

std::string html_escape(std::string_view text);

}  // namespace coppice
