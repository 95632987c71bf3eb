#pragma once
// YAML in, as the same documents that JSON gives. Bounded: depth is limited, duplicate keys are errors, and
// aliases may not multiply the document.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.h"

namespace coppice {

inline constexpr int max_yaml_values = 1'000'000;

// Plain scalars become null, bool, numbers or strings as in YAML 1.2's core schema; quoted ones are strings.
Json parse_yaml(std::string_view text, const std::string& where);
Json read_yaml_file(const std::filesystem::path& path);

}  // namespace coppice
