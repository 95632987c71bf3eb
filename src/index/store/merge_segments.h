#pragma once
// Several segments become one, without their deleted documents.

#include <span>

#include "index/store/segment.h"

namespace coppice {

struct LiveSegment {
  const Segment* segment;
  const DocSet* live;
};

// Writes the merged segment into `folder`, which it makes. If a name is live in several segments, that is an Error. False,
// and nothing written, if no document is left.
bool merge_segments(std::span<const LiveSegment> sources, const IndexSpec& spec,
                    const std::filesystem::path& folder);

}  // namespace coppice
