#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

struct PunctuationOptions {
  SplitBehavior behavior = SplitBehavior::isolated;
  static void fields(auto& self, auto&& field) {
    field("behavior", self.behavior, Field{.help = "what becomes of a punctuation character"});
  }
};

class PunctuationPreTokenizer : public PreTokenizer {
 public:
  explicit PunctuationPreTokenizer(PunctuationOptions options) : options_(options) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    append_ranges(piece, split_by(classify(piece.text, is_punctuation), options_.behavior), parts);
  }

 private:
  PunctuationOptions options_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_punctuation_pre_tokenizer(const Json& json, const std::string& where) {
  return std::make_unique<PunctuationPreTokenizer>(read_options<PunctuationOptions>(json, where));
}

}  // namespace coppice
