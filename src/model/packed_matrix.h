#pragma once
// Matrices as they lie in files -> the panels that kernels multiply by (kernels/packed_kernels.h).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/packed_isa.h"
#include "model/stored_rows.h"

namespace coppice {

// The panels that hold that type without loss, if there are any.
std::optional<kernels::PackedType> panels_of(GgmlType type);

// Panels of a type, and what each row has in them: all columns, or the fan-in of condensed ones.
struct PanelShape {
  kernels::PackedType type = kernels::PackedType::f32;
  int64_t inputs = 0;
};

// Bytes of all panels.
int64_t packed_bytes(kernels::PackedType type, int64_t rows, int64_t inputs);

// Packs into `out`, in parallel, reading each row once: without loss from a type that panels_of gives `type` for, from
// another one by rounding: plain numbers to plain ones, anything to integers as `quantize` does. Columns that do not fill
// the last block count as zeros. A scale that is not finite, and a number that the type cannot hold, is an Error. Panels
// without zeros must fit the matrix, as fastest_panels says.
void pack_matrix(const PanelShape& shape, const StoredRows& source, std::byte* out);

// Panel `index` alone, with the calling thread.
void pack_panel(const PanelShape& shape, const StoredRows& source, int64_t index, std::byte* out);

// One row of packed panels as floats.
void unpack_row(const PanelShape& shape, const std::byte* panels, int64_t columns, int64_t row, float* out);

}  // namespace coppice
