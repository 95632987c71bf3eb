#pragma once
// Which table of packed kernels is in use: that of the instruction set in isa.h.

#include "kernels/isa.h"
#include "kernels/packed_kernels.h"

namespace coppice::kernels {

const PackedKernels& packed_kernels_for(Isa isa);
const PackedKernels& active_packed();

// What activations are for weights of that type.
RowsType rows_for(const PackedKernels& kernels, PackedType type);
// Tokens of the next tile when so many are left: as few tiles as there can be, of nearly equal size.
int64_t next_tile(const PackedKernels& kernels, int64_t tokens);

}  // namespace coppice::kernels
