#include "lab/train/metrics.h"

#include "base/error.h"
#include "base/file.h"
#include "base/strings.h"

namespace coppice::lab {

MetricsLog::MetricsLog(std::filesystem::path path, int64_t first_step) : path_(std::move(path)) {
  std::string kept;
  if (first_step > 0 && std::filesystem::exists(path_)) {
    for (const auto& line : split(read_file(path_), '\n')) {
      const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (json.is_object() && json.contains("step") && json["step"].is_number_integer() &&
          json["step"] <= first_step)
        kept += line + "\n";
    }
  }
  write_file(path_, kept);
  file_.open(path_, std::ios::app);
}

void MetricsLog::add(const Json& line) {
  file_ << to_line(line) << "\n" << std::flush;
  if (!file_)
    throw Error({.where = path_.string(), .found = "cannot write to it", .advice = "is the disk full?"},
                Fault::resource);
}

}  // namespace coppice::lab
