#pragma once
// Activations in the tiles that packed products take (kernels/packed_kernels.h).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/packed_isa.h"

namespace coppice {

// Tokens of the batch, or of an expert, that go through a product together.
struct TokenList {
  int64_t tokens = 0, columns = 0;
  int64_t twin = -1;  // an earlier list of the same tokens and columns, whose tiles serve both
};

struct Tile {
  int64_t first = 0, tokens = 0;  // of its list
  int64_t columns = 0;
  std::byte* data = nullptr;

  std::byte* group(int64_t index, kernels::RowsType type) const {
    return data + index * tokens * kernels::tile_group_bytes(type);
  }
};

class PackedRows {
 public:
  // Room for lists of tokens, none of which shares a tile with one of others. How tokens are cut into tiles depends on their
  // number alone, so that two of these with equal lists have equal tiles.
  void arrange(const kernels::PackedKernels& kernels, kernels::RowsType type,
               std::span<const TokenList> lists);
  // Packs the tokens of every list from `x`, `stride` floats apart: token t is row rows[list][t], or t where that is
  // empty.
  void fill(const kernels::PackedKernels& kernels, const float* x, int64_t stride,
            std::span<const std::span<const int32_t>> rows);

  kernels::RowsType type() const { return type_; }
  std::span<const Tile> tiles(size_t list) const {
    return std::span(tiles_).subspan(tiles_of_[list].begin, tiles_of_[list].count);
  }

 private:
  kernels::RowsType type_ = kernels::RowsType::f32;
  std::vector<std::byte> bytes_;
  std::vector<Tile> tiles_;
  struct Stretch {
    size_t begin = 0, count = 0;
  };
  std::vector<Stretch> tiles_of_;  // of each list
};

}  // namespace coppice
