#pragma once
// Normalizers: text -> text, before it is cut into words. One file each; `normalizers()` is the list.

#include <memory>
#include <string>
#include <string_view>

#include "text/component.h"

namespace coppice {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `text` is well-formed UTF-8, and so is the result.
  virtual std::string apply(std::string_view text) const = 0;
};

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

}  // namespace coppice
