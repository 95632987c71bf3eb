#pragma once
// Records of SMART files (smart.cpp), documents and queries alike.

#include <optional>
#include <utility>
#include <vector>

#include "format/collection/line_reader.h"

namespace coppice {

struct SmartRecord {
  std::string id, where;
  std::vector<std::pair<char, std::string>> parts;  // the letter, the lines
};

class SmartReader {
 public:
  explicit SmartReader(ByteSource source) : lines_(std::move(source)) {}
  bool next(SmartRecord& record);
  const ByteSource& source() const { return lines_.source(); }

 private:
  LineReader lines_;
  std::optional<std::pair<std::string, std::string>>
      begin_;  // the line ".I id" of the next record, and where
  bool complained_ = false;
};

}  // namespace coppice
