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
  void apply(Rewrite& rewrite) const override {
    if (rewrite.source().empty()) return;
    rewrite.put_in_front(options_.prepend);
    rewrite.keep(0, rewrite.source().size());
  }

 private:
  PrependOptions options_;
};

}  // namespace

std::unique_ptr<Normalizer> make_prepend_normalizer(const Json& json, const std::string& where) {
  return std::make_unique<PrependNormalizer>(read_options<PrependOptions>(json, where));
}

}  // namespace coppice
