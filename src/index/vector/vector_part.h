#pragma once
// The kind of file that holds vectors.

#include "index/section_file.h"

namespace coppice {

inline constexpr PartKind vector_part_kind = {.magic = "COPPVEC1", .version = 1, .name = "file of vectors"};

}  // namespace coppice
