#pragma once
// Several segments become one, without their deleted documents.

#include <span>

#include "index/store/segment.h"

namespace coppice {

struct LiveSegment {
  const Segment* segment;
  const DocSet* live;
};

// Where the live documents of several segments come to stand in one.
struct MergeOrder {
  std::vector<std::vector<DocOrdinal>> new_ordinals;  // by source and document; `dropped` if it is deleted
  std::vector<std::string_view> names;                // of all, falling; they lie in the segments
  std::vector<int64_t> keys;
};
// If a name is live in several segments, that is an Error that names `where`.
MergeOrder merge_order(std::span<const LiveSegment> sources, const std::string& where);

// Writes the merged segment into `folder`, which it makes. If a name is live in several segments, that is an Error. False,
// and nothing written, if no document is left.
bool merge_segments(std::span<const LiveSegment> sources, const IndexSpec& spec,
                    const std::filesystem::path& folder);

}  // namespace coppice
