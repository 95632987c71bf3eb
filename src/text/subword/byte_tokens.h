#pragma once
// The tokens <0x00> to <0xFF>, which spell what a vocabulary lacks.

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "text/vocabulary.h"

namespace coppice {

class ByteTokens {
 public:
  explicit ByteTokens(const Vocabulary& vocabulary) {
    for (int byte = 0; byte < 256; ++byte)
      tokens_.push_back(vocabulary.find(fmt::format("<0x{:02X}>", byte)).value_or(-1));
  }

  // Appends the tokens of the bytes of `text`; false, and nothing, if the vocabulary lacks one of them.
  bool append(std::string_view text, std::vector<TokenId>& ids) const {
    const auto token_of = [this](char byte) { return tokens_[static_cast<unsigned char>(byte)]; };
    if (!std::all_of(text.begin(), text.end(), [&](char byte) { return token_of(byte) >= 0; })) return false;
    for (const char byte : text) ids.push_back(token_of(byte));
    return true;
  }

 private:
  std::vector<TokenId> tokens_;  // -1 if none
};

}  // namespace coppice
