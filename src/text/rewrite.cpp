#include "text/rewrite.h"

#include <algorithm>

namespace coppice {

TextRange origin_of(const Origins& origins, TextRange range) {
  if (range.begin < range.end && range.end <= origins.size()) {
    // Bytes need not be in the order of what they stand for: a normal form may sort marks.
    TextRange origin = origins[range.begin];
    for (size_t i = range.begin + 1; i < range.end; ++i) {
      origin.begin = std::min(origin.begin, origins[i].begin);
      origin.end = std::max(origin.end, origins[i].end);
    }
    return origin;
  }
  const size_t at = range.begin < origins.size() ? origins[range.begin].begin
                    : origins.empty()            ? 0
                                                 : origins.back().end;
  return {at, at};
}

Origins same_origins(size_t begin, size_t end) {
  Origins origins;
  origins.reserve(end - begin);
  for (; begin < end; ++begin) origins.push_back({begin, begin + 1});
  return origins;
}

TracedText TracedText::part(TextRange range) const {
  TracedText part{text.substr(range.begin, range.end - range.begin), {}};
  if (traced())
    part.origins.assign(origins.begin() + static_cast<std::ptrdiff_t>(range.begin),
                        origins.begin() + static_cast<std::ptrdiff_t>(range.end));
  return part;
}

}  // namespace coppice
