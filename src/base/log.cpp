#include "base/log.h"

#include <cstdlib>

#include <spdlog/sinks/stdout_color_sinks.h>

namespace coppice {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_color_mt("coppice");
    made->set_pattern("%^%l%$: %v");
    const char* level = std::getenv("COPPICE_LOG");
    made->set_level(level != nullptr ? spdlog::level::from_str(level) : spdlog::level::info);
    return made;
  }();
  return *instance;
}

}  // namespace coppice
