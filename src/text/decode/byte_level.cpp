#include "base/strings.h"
#include "text/byte_alphabet.h"
#include "text/decode/token_decoder.h"

namespace coppice {
namespace {

struct ByteLevelOptions {
  bool add_prefix_space = true, trim_offsets = true, use_regex = true;
  static void fields(auto& self, auto&& field) {
    field("add_prefix_space", self.add_prefix_space, Field{.help = "concerns encoding only"});
    field("trim_offsets", self.trim_offsets, Field{.help = "concerns offsets only"});
    field("use_regex", self.use_regex, Field{.help = "concerns encoding only"});
  }
};

class ByteLevelDecoder : public TokenDecoder {
 public:
  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    std::string bytes;
    for (const auto& token : tokens)
      if (!append_spelled_bytes(token, bytes)) bytes += token;
    return {to_utf8(bytes)};
  }
};

}  // namespace

std::unique_ptr<TokenDecoder> make_byte_level_decoder(const Json& json, const std::string& where) {
  read_options<ByteLevelOptions>(json, where);
  return std::make_unique<ByteLevelDecoder>();
}

}  // namespace coppice
