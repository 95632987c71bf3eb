#pragma once
// Normalizers: text -> text, before it is cut into words. One file each; `normalizers()` is the list.

#include <memory>
#include <string>
#include <string_view>

#include "text/component.h"
#include "text/rewrite.h"

namespace coppice {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Writes the normalized source, which is well-formed UTF-8, and so is the result.
  virtual void apply(Rewrite& rewrite) const = 0;
  // True if every byte of the text gets a spelling, so that malformed UTF-8 need not be replaced (shelter_bytes).
  virtual bool keeps_bytes() const { return false; }
};

inline std::string normalized(const Normalizer& normalizer, std::string_view text) {
  Rewrite rewrite(text, false);
  normalizer.apply(rewrite);
  return rewrite.take_text();
}

const Registry<ComponentMaker<Normalizer>>& normalizers();

std::unique_ptr<Normalizer> make_sequence_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_prepend_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_replace_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_nfc_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_nfd_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_nfkc_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_nfkd_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_lowercase_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_strip_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_precompiled_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_bert_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_strip_accents_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_nmt_normalizer(const Json& json, const std::string& where);
std::unique_ptr<Normalizer> make_byte_level_normalizer(const Json& json, const std::string& where);

}  // namespace coppice
