#pragma once
// Stretches of a text.

#include <cstddef>

namespace coppice {

// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0, end = 0;
  bool operator==(const TextRange&) const = default;
};

}  // namespace coppice
