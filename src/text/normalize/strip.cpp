#include "text/normalize/normalizer.h"
#include "text/utf8.h"

namespace coppice {
namespace {

struct StripOptions {
  bool left = true, right = true;
  static void fields(auto& self, auto&& field) {
    field("strip_left", self.left, Field{.help = "remove white space at the beginning"});
    field("strip_right", self.right, Field{.help = "remove white space at the end"});
  }
};

class StripNormalizer : public Normalizer {
 public:
  explicit StripNormalizer(StripOptions options) : options_(options) {}

  void apply(Rewrite& rewrite) const override {
    const std::string_view text = rewrite.source();
    size_t begin = 0, end = text.size();
    while (options_.left && begin < end) {
      size_t behind = begin;
      if (!is_space(next_character(text, behind))) break;
      begin = behind;
    }
    while (options_.right && begin < end) {
      const size_t before = previous_character(text, end);
      size_t at = before;
      if (!is_space(next_character(text, at))) break;
      end = before;
    }
    rewrite.keep(begin, end);
  }

 private:
  StripOptions options_;
};

}  // namespace

std::unique_ptr<Normalizer> make_strip_normalizer(const Json& json, const std::string& where) {
  return std::make_unique<StripNormalizer>(read_options<StripOptions>(json, where));
}

}  // namespace coppice
