#include "cli/run_names.h"

#include <algorithm>

namespace coppice {

std::vector<std::string> run_names(const std::vector<std::string>& tags,
                                   const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> names;
  for (size_t i = 0; i < tags.size(); ++i)
    names.push_back(std::count(tags.begin(), tags.end(), tags[i]) > 1 ? files[i].string() : tags[i]);
  return names;
}

}  // namespace coppice
