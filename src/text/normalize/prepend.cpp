#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

struct PrependOptions {
  std::string prepend;
  static void fields(auto& self, auto&& field) {
    field("prepend", self.prepend,
          Field{.help = "what is put before every text that is not empty", .required = true});
  }
};

class PrependNormalizer : public Normalizer {
 public:
  explicit PrependNormalizer(PrependOptions options) : options_(std::move(options)) {}
  std::string apply(std::string_view text) const override {
    return text.empty() ? std::string() : options_.prepend + std::string(text);
  }

 private:
  PrependOptions options_;
};

}  // namespace

std::unique_ptr<Normalizer> make_prepend_normalizer(const Json& json, const std::string& where) {
  return std::make_unique<PrependNormalizer>(read_options<PrependOptions>(json, where));
}

}  // namespace coppice
