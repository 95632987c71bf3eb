#include "model/panel_reader.h"

namespace coppice {

void PanelReader::go_to(int64_t row) {
  const int64_t index = row / kernels::panel_rows;
  if (packed_ != nullptr) {
    panel_ = packed_ + index * bytes_;
    next_ = index + 1 < matrix_.panels() ? panel_ + bytes_ : nullptr;
    return;
  }
  room_.resize((static_cast<size_t>(bytes_) + sizeof(CacheLine) - 1) / sizeof(CacheLine));
  pack_panel(matrix_.panel_shape, matrix_.late->source, index, room_.front().bytes);
  panel_ = room_.front().bytes;
}

}  // namespace coppice
