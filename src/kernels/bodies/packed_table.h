#pragma once
// The table of packed kernels of one instruction set; included once by each isa_packed_*.cpp, which names its vectors
// (COPPICE_SIMD_HEADER) and the most tokens of a tile (COPPICE_PACKED_TOKENS).

#include "kernels/bodies/packed_product.h"
#include "kernels/bodies/packed_rows.h"

#define COPPICE_NAME_TEXT(name) #name
#define COPPICE_NAME(name) COPPICE_NAME_TEXT(name)

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

const PackedKernels& packed_table() {
  static constexpr PackedKernels kernels = {
    COPPICE_NAME(COPPICE_ISA_NAMESPACE),
#if defined(COPPICE_PACKED_BF16)
    RowsType::bf16,
#else
    RowsType::f32,
#endif
    COPPICE_PACKED_TOKENS,
    product,
    product_of_columns,
    pack_rows,
  };
  return kernels;
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
