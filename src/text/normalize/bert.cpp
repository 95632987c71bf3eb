// BertNormalizer (Devlin et al. 2018, its BasicTokenizer): control characters go, white space becomes ' ', CJK
// ideographs stand between spaces, accents go, lower case; each of them an option.

#include "text/normalize/characters.h"
#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

struct BertOptions {
  bool clean_text = true, handle_chinese_chars = true, lowercase = true;
  std::optional<bool> strip_accents;

  static void fields(auto& self, auto&& field) {
    field("clean_text", self.clean_text, Field{.help = "no control characters, one kind of space"});
    field("handle_chinese_chars", self.handle_chinese_chars, Field{.help = "spaces around ideographs"});
    field("strip_accents", self.strip_accents, Field{.help = "accents go; as lowercase says if null"});
    field("lowercase", self.lowercase, Field{.help = "lower case"});
  }
};

// The ranges that BERT's own code lists.
bool is_ideograph(char32_t c) {
  if (c < 0x3400) return false;
  return c <= 0x4DBF || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

void clean(Rewrite& rewrite) {
  const std::string_view text = rewrite.source();
  size_t kept = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text, at);
    const bool space = is_space(c) && (c == '\t' || c == '\n' || c == '\r' || !is_control(c));
    if (c == ' ' || (!space && c != 0xFFFD && !is_control(c))) continue;
    rewrite.keep(kept, begin);
    kept = at;
    if (space) rewrite.put(" ", {begin, at});
  }
  rewrite.keep(kept, text.size());
}

void space_ideographs(Rewrite& rewrite) {
  const std::string_view text = rewrite.source();
  size_t kept = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    if (!is_ideograph(next_character(text, at))) continue;
    rewrite.keep(kept, begin);
    rewrite.put(" ", {begin, begin});
    rewrite.keep(begin, at);
    rewrite.put(" ", {at, at});
    kept = at;
  }
  rewrite.keep(kept, text.size());
}

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const BertOptions& options)
      : options_(options), strips_(options.strip_accents.value_or(options.lowercase)) {}

  void apply(Rewrite& rewrite) const override {
    TracedText text{std::string(rewrite.source()), {}};
    if (rewrite.traces()) text.origins = same_origins(0, text.text.size());
    if (options_.clean_text) text = rewritten(text, clean);
    if (options_.handle_chinese_chars) text = rewritten(text, space_ideographs);
    if (strips_) {
      text = rewritten(text, [](Rewrite& step) { to_unicode_form(step, UnicodeForm::nfd); });
      text = rewritten(
          text, [](Rewrite& step) { keep_if(step, [](char32_t c) { return !is_nonspacing_mark(c); }); });
    }
    if (options_.lowercase) text = rewritten(text, [](Rewrite& step) { lower_case(step); });
    rewrite.replace(std::move(text.text), std::move(text.origins));
  }

 private:
  BertOptions options_;
  bool strips_;
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(const Json& json, const std::string& where) {
  return std::make_unique<BertNormalizer>(read_options<BertOptions>(json, where));
}

}  // namespace coppice
