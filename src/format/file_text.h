#pragma once
// The text of a whole file: mapped where it is plain, unpacked into memory where it is a gzip or a zstd file, or where it
// is no file but a pipe. What is packed in another way is an Error that says how to unpack it.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"

namespace coppice {

class FileText {
 public:
  explicit FileText(const std::filesystem::path& path);

  // As long as this, or what it was moved to, lives.
  std::string_view text() const;

 private:
  std::optional<MappedFile> mapped_;
  std::unique_ptr<const std::string> unpacked_;
};

}  // namespace coppice
