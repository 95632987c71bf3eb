#include "text/normalize/characters.h"
#include "text/normalize/normalizer.h"

namespace coppice {

void lower_case(Rewrite& rewrite) {
  const std::string_view text = rewrite.source();
  std::string lower;
  size_t kept = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text, at), changed = lower_case(c);
    if (c == changed) continue;
    rewrite.keep(kept, begin);
    kept = at;
    lower.clear();
    append_character(lower, changed);
    if (c == 0x130) lower = "i\xCC\x87";  // the only character whose lower case is two
    rewrite.put(lower, {begin, at});
  }
  rewrite.keep(kept, text.size());
}

namespace {

class LowercaseNormalizer : public Normalizer {
 public:
  void apply(Rewrite& rewrite) const override { lower_case(rewrite); }
};

}  // namespace

std::unique_ptr<Normalizer> make_lowercase_normalizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<LowercaseNormalizer>();
}

}  // namespace coppice
