#include "model/panel_reader.h"

namespace coppice {

void PanelReader::go_to(int64_t row) {
  const int64_t index = row / kernels::panel_rows;
  if (packed_ != nullptr) {
    panel_ = packed_ + index * bytes_;
    next_ = index + 1 < matrix_.panels() ? panel_ + bytes_ : nullptr;
    return;
  }
  const LatePanels& late = *matrix_.late;
  if (late.to_keep == nullptr)
    room_.resize((static_cast<size_t>(bytes_) + sizeof(CacheLine) - 1) / sizeof(CacheLine));
  std::byte* out = late.to_keep != nullptr ? late.to_keep + index * bytes_ : room_.front().bytes;
  pack_panel(matrix_.panel_shape, late.source, index, out);
  late.packed.fetch_add(1, std::memory_order_relaxed);
  panel_ = out;
}

}  // namespace coppice
