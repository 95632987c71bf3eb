// CTC (Graves et al. 2006): equal neighbours are one token, padding is nothing.

#include <algorithm>

#include "text/decode/clean_up.h"
#include "text/decode/token_decoder.h"
#include "text/pattern.h"

namespace coppice {
namespace {

struct CtcOptions {
  std::string pad_token = "<pad>", word_delimiter_token = "|";
  bool cleanup = true;
  static void fields(auto& self, auto&& field) {
    field("pad_token", self.pad_token, Field{.help = "the blank"});
    field("word_delimiter_token", self.word_delimiter_token, Field{.help = "becomes a space"});
    field("cleanup", self.cleanup, Field{.help = "delimiters become spaces, none before punctuation"});
  }
};

class CtcDecoder : public TokenDecoder {
 public:
  CtcDecoder(const CtcOptions& options, const std::string& where)
      : cleanup_(options.cleanup),
        pad_({.string = options.pad_token}, where),
        delimiter_({.string = options.word_delimiter_token}, where) {}

  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (auto& token : tokens) {
      token = pad_.replace_all(token, "");
      if (cleanup_) token = delimiter_.replace_all(without_odd_spaces(std::move(token)), " ");
    }
    std::erase(tokens, "");
    return tokens;
  }

 private:
  bool cleanup_;
  Pattern pad_, delimiter_;
};

}  // namespace

std::unique_ptr<TokenDecoder> make_ctc_decoder(const Json& json, const std::string& where) {
  return std::make_unique<CtcDecoder>(read_options<CtcOptions>(json, where), where);
}

}  // namespace coppice
