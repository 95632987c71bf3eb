// StripAccents: combining marks go. (A decomposed text, as NFD gives it, has its accents as such.)

#include "text/normalize/characters.h"
#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

class StripAccentsNormalizer : public Normalizer {
 public:
  void apply(Rewrite& rewrite) const override {
    keep_if(rewrite, [](char32_t c) { return !is_mark(c); });
  }
};

}  // namespace

std::unique_ptr<Normalizer> make_strip_accents_normalizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<StripAccentsNormalizer>();
}

}  // namespace coppice
