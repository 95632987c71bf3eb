#pragma once
// Logs go to stderr, results to stdout. COPPICE_LOG=debug|info|warn|error|off sets the level.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace coppice {

spdlog::logger& logger();

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  logger().info(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  logger().warn(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (logger().should_log(spdlog::level::debug))
    logger().debug(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace coppice
