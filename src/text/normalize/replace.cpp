#include "text/normalize/normalizer.h"
#include "text/replace_options.h"

namespace coppice {
namespace {

class ReplaceNormalizer : public Normalizer {
 public:
  ReplaceNormalizer(const ReplaceOptions& options, const std::string& where)
      : pattern_(options.pattern, where), content_(options.content) {}
  void apply(Rewrite& rewrite) const override { pattern_.replace_all(rewrite, content_); }

 private:
  Pattern pattern_;
  std::string content_;
};

}  // namespace

std::unique_ptr<Normalizer> make_replace_normalizer(const Json& json, const std::string& where) {
  return std::make_unique<ReplaceNormalizer>(read_options<ReplaceOptions>(json, where), where);
}

}  // namespace coppice
