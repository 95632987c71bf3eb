// Unicode normalization forms (Unicode Standard Annex 15).

#include <cstdlib>

#include <utf8proc.h>

#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

class UnicodeNormalizer : public Normalizer {
 public:
  explicit UnicodeNormalizer(int options)
      : options_(static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE)) {}

  std::string apply(std::string_view text) const override {
    utf8proc_uint8_t* mapped = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &mapped, options_);
    if (size < 0)
      throw Error({.where = "Unicode normalization", .found = utf8proc_errmsg(size)}, Fault::resource);
    std::string result(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
    std::free(mapped);
    return result;
  }

 private:
  utf8proc_option_t options_;
};

std::unique_ptr<Normalizer> make(const Json& json, const std::string& where, int options) {
  read_options<NoOptions>(json, where);
  return std::make_unique<UnicodeNormalizer>(options);
}

}  // namespace

std::unique_ptr<Normalizer> make_nfc_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UTF8PROC_COMPOSE);
}
std::unique_ptr<Normalizer> make_nfd_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UTF8PROC_DECOMPOSE);
}
std::unique_ptr<Normalizer> make_nfkc_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}
std::unique_ptr<Normalizer> make_nfkd_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
}

}  // namespace coppice
