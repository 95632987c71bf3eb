#pragma once
// Names of models on the Hugging Face Hub: ORG/NAME.

#include <filesystem>
#include <string>
#include <string_view>

namespace coppice {

// Two parts, each of letters, digits, '-', '_' and '.', that begin with none of '-' and '.'.
bool is_hub_name(std::string_view name);

// Advice for a directory that does not exist: how to fetch it if its path could be the name of a model; or
// empty.
std::string pull_hint(const std::filesystem::path& missing);

}  // namespace coppice
