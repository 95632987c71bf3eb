#pragma once
// The panels of a matrix as one thread multiplies by them, one after the other.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/packed_rows.h"
#include "model/weights.h"

namespace coppice {

// Room for one panel.
struct alignas(64) CacheLine {
  std::byte bytes[64];
};
using PanelRoom = std::vector<CacheLine>;

class PanelReader {
 public:
  // Panels that are not packed yet are packed into `room`, which lives longer and serves nobody else meanwhile, unless they
  // are to be kept. No two threads go to the same panel then.
  PanelReader(const kernels::PackedKernels& kernels, const Matrix& matrix, PanelRoom& room)
      : kernels_(kernels),
        matrix_(matrix),
        room_(room),
        type_(matrix.panel_shape.type),
        groups_(kernels::packed_groups(type_, matrix.panel_shape.inputs)),
        bytes_(kernels::panel_bytes(type_, matrix.panel_shape.inputs)),
        packed_(matrix.late == nullptr ? static_cast<const std::byte*>(matrix.data) : matrix.late->panels) {}

  // Goes to the panel that holds row `row`.
  void go_to(int64_t row);
  const std::byte* panel() const { return panel_; }

  // out[t * 32 + r] = sum over columns of tile `i` of `tiles`, token t, * panel, row r. Each of the last tiles brings a part
  // of the next panel near, so that the first one does not wait for it; one tile alone reads memory in a stream anyway.
  void multiply(std::span<const Tile> tiles, size_t i, float* out) const {
    const auto tiles_left = static_cast<int64_t>(tiles.size() - 1 - i);
    const int64_t part = tiles_left * groups_ * kernels::soon_bytes;
    const bool brings = next_ != nullptr && tiles.size() > 1 && part < bytes_;
    kernels_.product(type_, panel_, groups_, tiles[i].data, tiles[i].tokens, out,
                     brings ? next_ + part : nullptr);
  }

  // The same of the columns that are given, ascending, as if all other activations were 0.
  void multiply_columns(std::span<const int32_t> columns, const Tile& tile, float* out) const {
    kernels_.product_of_columns(type_, panel_, columns.data(), static_cast<int64_t>(columns.size()),
                                tile.data, tile.tokens, out);
  }

 private:
  const kernels::PackedKernels& kernels_;
  const Matrix& matrix_;
  PanelRoom& room_;
  kernels::PackedType type_;
  int64_t groups_, bytes_;
  const std::byte* packed_;  // all panels, or nullptr
  const std::byte *panel_ = nullptr, *next_ = nullptr;
};

}  // namespace coppice
