// WordPiece: tokens that begin with the prefix continue the one before, others begin a word. The clean-up joins
// punctuation and English contractions to what stands before them.

#include "text/decode/clean_up.h"
#include "text/decode/token_decoder.h"

namespace coppice {
namespace {

struct WordPieceDecoderOptions {
  std::string prefix = "##";
  bool cleanup = true;
  static void fields(auto& self, auto&& field) {
    field("prefix", self.prefix, Field{.help = "what marks a continuing token"});
    field("cleanup", self.cleanup, Field{.help = "take spaces before punctuation away"});
  }
};

class WordPieceDecoder : public TokenDecoder {
 public:
  explicit WordPieceDecoder(WordPieceDecoderOptions options) : options_(std::move(options)) {}

  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) {
        if (tokens[i].starts_with(options_.prefix))
          tokens[i].erase(0, options_.prefix.size());
        else
          tokens[i].insert(0, 1, ' ');
      }
      if (options_.cleanup) tokens[i] = without_odd_spaces(std::move(tokens[i]));
    }
    return tokens;
  }

 private:
  WordPieceDecoderOptions options_;
};

}  // namespace

std::unique_ptr<TokenDecoder> make_word_piece_decoder(const Json& json, const std::string& where) {
  return std::make_unique<WordPieceDecoder>(read_options<WordPieceDecoderOptions>(json, where));
}

}  // namespace coppice
