#include "text/byte_alphabet.h"
#include "text/gpt2_words.h"
#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

struct ByteLevelOptions {
  bool add_prefix_space = true, trim_offsets = true, use_regex = true;
  static void fields(auto& self, auto&& field) {
    field("add_prefix_space", self.add_prefix_space,
          Field{.help = "put a space before a piece that has none"});
    field("trim_offsets", self.trim_offsets,
          Field{.help = "concerns offsets only; the post-processor does it"});
    field("use_regex", self.use_regex, Field{.help = "cut into GPT-2's words"});
  }
};

class ByteLevelPreTokenizer : public PreTokenizer {
 public:
  explicit ByteLevelPreTokenizer(ByteLevelOptions options) : options_(options) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    if (options_.add_prefix_space && !piece.text.starts_with(' '))
      piece.rewrite([](Rewrite& rewrite) {
        rewrite.put_in_front(" ");
        rewrite.keep(0, rewrite.source().size());
      });
    const size_t first = parts.size();
    if (options_.use_regex)
      append_ranges(piece, gpt2_words(piece.text), parts);
    else
      parts.push_back(std::move(piece));
    for (size_t i = first; i < parts.size(); ++i)
      parts[i].rewrite([](Rewrite& rewrite) { spell_bytes(rewrite); });
  }

  bool keeps_bytes() const override { return true; }

 private:
  ByteLevelOptions options_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_byte_level_pre_tokenizer(const Json& json, const std::string& where) {
  return std::make_unique<ByteLevelPreTokenizer>(read_options<ByteLevelOptions>(json, where));
}

}  // namespace coppice
