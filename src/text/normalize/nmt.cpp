// Nmt, SentencePiece's cleaning of texts for translation: some control characters go, others and odd spaces become ' '.

#include "text/normalize/characters.h"
#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

bool vanishes(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}

bool becomes_space(char32_t c) {
  return c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

class NmtNormalizer : public Normalizer {
 public:
  void apply(Rewrite& rewrite) const override {
    const std::string_view text = rewrite.source();
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      const char32_t c = next_character(text, at);
      if (vanishes(c)) continue;
      if (becomes_space(c))
        rewrite.put(" ", {begin, at});
      else
        rewrite.keep(begin, at);
    }
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_nmt_normalizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<NmtNormalizer>();
}

}  // namespace coppice
