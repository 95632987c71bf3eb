#pragma once
// How a text file falls into documents; no libtorch here, since the command line shows it.

#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"

namespace coppice {

enum class DocumentBreak {
  marker,      // a line <|endoftext|>
  empty_line,  // one or more empty lines
  file,        // a file is one document
};

template <>
struct EnumNames<DocumentBreak> {
  static constexpr auto values =
      std::to_array<std::pair<DocumentBreak, const char*>>({{DocumentBreak::marker, "marker"},
                                                            {DocumentBreak::empty_line, "empty-line"},
                                                            {DocumentBreak::file, "file"}});
};

}  // namespace coppice

namespace coppice::lab {

// The documents of a text, without the breaks and without surrounding blank lines; empty ones are dropped.
std::vector<std::string_view> split_documents(std::string_view text, DocumentBreak by);

}  // namespace coppice::lab
