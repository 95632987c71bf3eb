// Whitespace keeps runs of word characters and runs of other visible ones; WhitespaceSplit only cuts at white
// space.

#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

class WhitespacePreTokenizer : public PreTokenizer {
 public:
  void cut(Piece piece, std::vector<Piece>& parts) const override {
    std::vector<TextRange> words;
    enum { space, word, other } previous = space;
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const char32_t c = next_character(piece.text, at);
      const auto kind = is_word(c) ? word : is_space(c) ? space : other;
      if (kind != space) {
        if (kind == previous)
          words.back().end = at;
        else
          words.push_back({begin, at});
      }
      previous = kind;
    }
    append_ranges(piece, words, parts);
  }
};

class WhitespaceSplitPreTokenizer : public PreTokenizer {
 public:
  void cut(Piece piece, std::vector<Piece>& parts) const override {
    append_ranges(piece, split_by(classify(piece.text, is_space), SplitBehavior::removed), parts);
  }
};

}  // namespace

std::unique_ptr<PreTokenizer> make_whitespace_pre_tokenizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<WhitespacePreTokenizer>();
}

std::unique_ptr<PreTokenizer> make_whitespace_split_pre_tokenizer(const Json& json,
                                                                  const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<WhitespaceSplitPreTokenizer>();
}

}  // namespace coppice
