#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

struct DigitsOptions {
  bool individual_digits = false;
  static void fields(auto& self, auto&& field) {
    field("individual_digits", self.individual_digits, Field{.help = "every digit is a word"});
  }
};

class DigitsPreTokenizer : public PreTokenizer {
 public:
  explicit DigitsPreTokenizer(DigitsOptions options)
      : behavior_(options.individual_digits ? SplitBehavior::isolated : SplitBehavior::contiguous) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    append_ranges(piece, split_by(classify(piece.text, is_number), behavior_), parts);
  }

 private:
  SplitBehavior behavior_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_digits_pre_tokenizer(const Json& json, const std::string& where) {
  return std::make_unique<DigitsPreTokenizer>(read_options<DigitsOptions>(json, where));
}

}  // namespace coppice
