#include "base/hub_name.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/strings.h"

namespace coppice {
namespace {

bool is_part(const std::string& part) {
  const auto fits = [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || c == '-' || c == '_' || c == '.';
  };
  return !part.empty() && part.size() <= 96 && part.front() != '.' && part.front() != '-' &&
         part.find("..") == part.npos && std::all_of(part.begin(), part.end(), fits);
}

}  // namespace

bool is_hub_name(std::string_view name) {
  const auto parts = split(name, '/');
  return parts.size() == 2 && is_part(parts[0]) && is_part(parts[1]);
}

std::string pull_hint(const std::filesystem::path& missing) {
  if (!is_hub_name(missing.string())) return "";
  return fmt::format("if it is a model on the Hugging Face Hub, fetch it with: coppice pull {}",
                     missing.string());
}

}  // namespace coppice
