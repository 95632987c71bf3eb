#pragma once
// Bytes of a text file as well-formed UTF-8.

#include <string>
#include <string_view>

namespace coppice {

// Puts the text in place of what `into` held. Bytes that are not UTF-8 are read as Windows-1252 (which has Latin-1 in it)
// unless most of the characters beyond ASCII are well-formed; then they are damage and become U+FFFD. NUL becomes a space.
void decode_text(std::string_view bytes, std::string& into);

// The same of a whole file, which may begin with a byte order mark; UTF-16 is understood if it has one.
std::string decode_file(std::string_view bytes);

// Whether these first bytes of a file are no text: a NUL is among them, and they are not UTF-16.
bool looks_binary(std::string_view begin);

}  // namespace coppice
