#pragma once

#include <filesystem>
#include <fstream>

#include "base/json.h"

namespace coppice::lab {

// metrics.jsonl: one line per step. Opened for a run that begins at `first_step`, it drops lines of later
// steps, which a killed run may have left.
class MetricsLog {
 public:
  MetricsLog(std::filesystem::path path, int64_t first_step);
  void add(const Json& line);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace coppice::lab
