#pragma once
// Character references of HTML and SGML.

#include <string>
#include <string_view>

namespace coppice {

// The text with `&amp;`, `&#233;`, `&eacute;` … as the characters that they mean; what means nothing stays.
std::string decode_entities(std::string_view text);

}  // namespace coppice
