// Tokens <0xNN> are bytes. A run of them is text if it is well-formed as a whole, else one U+FFFD per byte.

#include <optional>

#include "base/strings.h"
#include "text/decode/token_decoder.h"

namespace coppice {
namespace {

std::optional<char> byte_of(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : {token[3], token[4]}) {
    const int digit = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                               : -1;
    if (digit < 0) return std::nullopt;
    value = 16 * value + digit;
  }
  return static_cast<char>(value);
}

class ByteFallbackDecoder : public TokenDecoder {
 public:
  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    std::vector<std::string> result;
    std::string run;
    const auto end_run = [&] {
      if (run.empty()) return;
      if (is_utf8(run))
        result.push_back(run);
      else
        result.insert(result.end(), run.size(), "\uFFFD");
      run.clear();
    };
    for (auto& token : tokens) {
      if (const auto byte = byte_of(token)) {
        run.push_back(*byte);
        continue;
      }
      end_run();
      result.push_back(std::move(token));
    }
    end_run();
    return result;
  }
};

}  // namespace

std::unique_ptr<TokenDecoder> make_byte_fallback_decoder(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<ByteFallbackDecoder>();
}

}  // namespace coppice
