#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace coppice {

// What runs are called in a table: each by its tag, or by its file where another run has the same tag.
std::vector<std::string> run_names(const std::vector<std::string>& tags,
                                   const std::vector<std::filesystem::path>& files);

}  // namespace coppice
