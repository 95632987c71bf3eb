#pragma once
// Several inverted indexes become one; deleted documents stay behind.

#include <functional>

#include "index/inverted/inverted_index.h"

namespace coppice {

inline constexpr DocOrdinal dropped = ~DocOrdinal{0};

struct MergeSource {
  const InvertedIndex* index;
  // By document: its ordinal in the merged index, rising along the source, or `dropped`.
  std::vector<DocOrdinal> new_ordinals;
};

// All sources are of one kind, unit and choice of positions.
InvertedSummary merge_inverted(std::span<const MergeSource> sources, DocOrdinal documents,
                               const std::filesystem::path& folder, const std::string& name,
                               const Bm25& bm25);

// Calls visit(term, documents, values) for every term that is left, in the order of terms; ordinals are those of the
// merged index.
using MergedListVisitor =
    std::function<void(const std::string&, std::span<const DocOrdinal>, std::span<const uint32_t>)>;
void for_each_merged_list(std::span<const MergeSource> sources, const MergedListVisitor& visit);

}  // namespace coppice
