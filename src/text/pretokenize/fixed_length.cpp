// FixedLength: words of so many characters.

#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

struct FixedLengthOptions {
  int64_t length = 5;
  static void fields(auto& self, auto&& field) {
    field("length", self.length, Field{.help = "characters of a word", .min = 1, .max = 1 << 30});
  }
};

class FixedLengthPreTokenizer : public PreTokenizer {
 public:
  explicit FixedLengthPreTokenizer(FixedLengthOptions options) : options_(options) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    std::vector<TextRange> words;
    int64_t length = options_.length;  // of the last word
    for (size_t at = 0; at < piece.text.size(); ++length) {
      const size_t begin = at;
      next_character(piece.text, at);
      if (length == options_.length) {
        words.push_back({begin, at});
        length = 0;
      }
      words.back().end = at;
    }
    append_ranges(piece, words, parts);
  }

 private:
  FixedLengthOptions options_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_fixed_length_pre_tokenizer(const Json& json, const std::string& where) {
  return std::make_unique<FixedLengthPreTokenizer>(read_options<FixedLengthOptions>(json, where));
}

}  // namespace coppice
