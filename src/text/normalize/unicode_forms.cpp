// Unicode normalization forms (Unicode Standard Annex 15).

#include <cstdlib>

#include <utf8proc.h>

#include "text/normalize/characters.h"
#include "text/normalize/normalizer.h"

namespace coppice {
namespace {

utf8proc_option_t options_of(UnicodeForm form) {
  const bool composes = form == UnicodeForm::nfc || form == UnicodeForm::nfkc;
  const bool compat = form == UnicodeForm::nfkc || form == UnicodeForm::nfkd;
  return static_cast<utf8proc_option_t>(UTF8PROC_STABLE | (composes ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                                        (compat ? UTF8PROC_COMPAT : 0));
}

std::string in_form(std::string_view text, utf8proc_option_t options) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  if (size < 0)
    throw Error({.where = "Unicode normalization", .found = utf8proc_errmsg(size)}, Fault::resource);
  std::string result(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
  std::free(mapped);
  return result;
}

// The end of the first stretch of `text` from `begin` that has a form of its own: only for traced texts, where
// it should be short.
size_t stretch_end(std::string_view text, size_t begin, size_t limit, utf8proc_option_t options) {
  constexpr size_t longest = 256;  // a longer row of marks is traced as a whole
  size_t end = begin + utf8_length(text[begin]);
  std::string form = in_form(text.substr(begin, end - begin), options);
  while (end < limit) {
    if (end - begin > longest) return limit;
    const size_t behind = end + utf8_length(text[end]);
    std::string joined = in_form(text.substr(begin, behind - begin), options);
    if (joined == form + in_form(text.substr(end, behind - end), options)) return end;
    form = std::move(joined);
    end = behind;
  }
  return end;
}

}  // namespace

// An ASCII character never joins what stands before it, so the text falls into stretches that begin with one.
void to_unicode_form(Rewrite& rewrite, UnicodeForm form) {
  const auto options = options_of(form);
  const std::string_view text = rewrite.source();
  const auto is_ascii = [&](size_t at) { return static_cast<unsigned char>(text[at]) < 0x80; };
  size_t kept = 0;
  for (size_t at = 0; at < text.size();) {
    if (is_ascii(at)) {
      ++at;
      continue;
    }
    size_t begin = at > kept ? at - 1 : at;
    rewrite.keep(kept, begin);
    while (at < text.size() && !is_ascii(at)) ++at;
    while (begin < at) {
      const size_t end = rewrite.traces() ? stretch_end(text, begin, at, options) : at;
      const std::string formed = in_form(text.substr(begin, end - begin), options);
      if (formed == text.substr(begin, end - begin))
        rewrite.keep(begin, end);
      else
        rewrite.put(formed, {begin, end});
      begin = end;
    }
    kept = at;
  }
  rewrite.keep(kept, text.size());
}

namespace {

class UnicodeNormalizer : public Normalizer {
 public:
  explicit UnicodeNormalizer(UnicodeForm form) : form_(form) {}
  void apply(Rewrite& rewrite) const override { to_unicode_form(rewrite, form_); }

 private:
  UnicodeForm form_;
};

std::unique_ptr<Normalizer> make(const Json& json, const std::string& where, UnicodeForm form) {
  read_options<NoOptions>(json, where);
  return std::make_unique<UnicodeNormalizer>(form);
}

}  // namespace

std::unique_ptr<Normalizer> make_nfc_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UnicodeForm::nfc);
}
std::unique_ptr<Normalizer> make_nfd_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UnicodeForm::nfd);
}
std::unique_ptr<Normalizer> make_nfkc_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UnicodeForm::nfkc);
}
std::unique_ptr<Normalizer> make_nfkd_normalizer(const Json& json, const std::string& where) {
  return make(json, where, UnicodeForm::nfkd);
}

}  // namespace coppice
