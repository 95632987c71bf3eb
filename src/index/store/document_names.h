#pragma once
// The names of a segment's documents, mapped from a file. A document's ordinal is the place of its name in falling
// order of bytes: the order in which trec_eval ranks ties.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "index/doc_set.h"

namespace coppice {

class DocumentNames {
 public:
  // Names fall strictly.
  static void write(const std::filesystem::path& path, std::span<const std::string_view> names);

  // Throws an Error if offsets do not fit.
  explicit DocumentNames(const std::filesystem::path& path);

  size_t size() const { return count_; }
  std::string_view operator[](DocOrdinal doc) const;
  std::optional<DocOrdinal> find(std::string_view name) const;

 private:
  std::string where_;
  MappedFile file_;
  size_t count_ = 0;
};

}  // namespace coppice
