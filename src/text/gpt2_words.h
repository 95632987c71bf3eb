#pragma once
// GPT-2's cut into words (Radford et al. 2019), the leftmost match of
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// written out by hand because a regular expression engine is several times slower.

#include <string_view>
#include <vector>

#include "text/regex.h"

namespace coppice {

// Words of `text` (well-formed UTF-8), covering it without gaps.
std::vector<TextRange> gpt2_words(std::string_view text);

}  // namespace coppice
