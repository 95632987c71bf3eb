// BertPreTokenizer: cut at white space, and around every punctuation character.

#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

class BertPreTokenizer : public PreTokenizer {
 public:
  void cut(Piece piece, std::vector<Piece>& parts) const override {
    std::vector<TextRange> words;
    bool open = false;  // the last word may grow
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const char32_t c = next_character(piece.text, at);
      const bool alone = is_punctuation(c);
      if (is_space(c)) {
        open = false;
      } else if (open && !alone) {
        words.back().end = at;
      } else {
        words.push_back({begin, at});
        open = !alone;
      }
    }
    append_ranges(piece, words, parts);
  }
};

}  // namespace

std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<BertPreTokenizer>();
}

}  // namespace coppice
