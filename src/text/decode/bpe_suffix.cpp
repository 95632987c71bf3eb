// BPEDecoder: the end-of-word suffix becomes a space, behind the last token nothing.

#include "text/decode/token_decoder.h"
#include "text/pattern.h"

namespace coppice {
namespace {

struct BpeDecoderOptions {
  std::string suffix = "</w>";
  static void fields(auto& self, auto&& field) {
    field("suffix", self.suffix, Field{.help = "what ends a word"});
  }
};

class BpeDecoder : public TokenDecoder {
 public:
  BpeDecoder(const BpeDecoderOptions& options, const std::string& where)
      : suffix_({.string = options.suffix}, where) {}

  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = suffix_.replace_all(tokens[i], i + 1 < tokens.size() ? " " : "");
    return tokens;
  }

 private:
  Pattern suffix_;
};

}  // namespace

std::unique_ptr<TokenDecoder> make_bpe_decoder(const Json& json, const std::string& where) {
  return std::make_unique<BpeDecoder>(read_options<BpeDecoderOptions>(json, where), where);
}

}  // namespace coppice
