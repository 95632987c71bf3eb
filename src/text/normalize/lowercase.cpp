#include "text/normalize/normalizer.h"
#include "text/utf8.h"

namespace coppice {
namespace {

class LowercaseNormalizer : public Normalizer {
 public:
  std::string apply(std::string_view text) const override { return lower_case(text); }
};

}  // namespace

std::unique_ptr<Normalizer> make_lowercase_normalizer(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<LowercaseNormalizer>();
}

}  // namespace coppice
