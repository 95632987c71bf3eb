#pragma once
// The clean-up that the decoders WordPiece and CTC share.

#include <string>
#include <string_view>
#include <utility>

namespace coppice {

inline std::string without_odd_spaces(std::string text) {
  static constexpr std::pair<const char*, const char*> changes[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : changes) {
    const std::string_view wanted = from, instead = to;
    for (size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, at + instead.size()))
      text.replace(at, wanted.size(), instead);
  }
  return text;
}

}  // namespace coppice
