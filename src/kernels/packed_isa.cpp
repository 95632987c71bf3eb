#include "kernels/packed_isa.h"

namespace coppice::kernels {

int64_t panel_group_bytes(PackedType type) {
  switch (type) {
    case PackedType::f32:
      return 4096;
    case PackedType::f16:
    case PackedType::bf16:
    case PackedType::bf16_apart:
      return 2048;
    case PackedType::q8_0:
      return 1088;
    case PackedType::q4_0:
    case PackedType::q4_k:
      return 576;
    case PackedType::q4_1:
      return 640;
    case PackedType::q6_k:
      return 832;
    case PackedType::f32_2_of_4:
      return 2176;
    case PackedType::f16_2_of_4:
    case PackedType::bf16_2_of_4:
      return 1152;
    case PackedType::f32_condensed:
      return 192;
    case PackedType::f16_condensed:
    case PackedType::bf16_condensed:
      return 128;
  }
  COPPICE_CHECK(false, "every type has a size");
}

bool is_condensed(PackedType type) {
  return type == PackedType::f32_condensed || type == PackedType::f16_condensed ||
         type == PackedType::bf16_condensed;
}

int64_t packed_groups(PackedType type, int64_t columns) {
  if (is_condensed(type)) return columns;
  const int64_t step =
      type == PackedType::q4_k || type == PackedType::q6_k ? k_groups * group_columns : group_columns;
  return (columns + step - 1) / step * step / group_columns;
}

int64_t panel_bytes(PackedType type, int64_t columns) {
  const int64_t groups = packed_groups(type, columns);
  int64_t shared = 0;
  if (type == PackedType::q4_k) shared = 128;
  if (type == PackedType::q6_k) shared = 64;
  return groups * panel_group_bytes(type) + groups / k_groups * shared;
}

int64_t tile_group_bytes(RowsType type) {
  switch (type) {
    case RowsType::f32:
    case RowsType::f32_columns:
      return 128;
    case RowsType::bf16:
      return 64;
    case RowsType::int8:
      return 48;
  }
  COPPICE_CHECK(false, "every type has a size");
}

const PackedKernels& packed_kernels_for(Isa isa) {
  kernels_for(isa);  // an Error where the machine cannot run it
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx512_bf16:
      return avx512_bf16_packed::packed_table();
    case Isa::avx512_vnni:
      return avx512_vnni_packed::packed_table();
    case Isa::avx512:
      return avx512_packed::packed_table();
    case Isa::avx2:
      return avx2_packed::packed_table();
#endif
    default:
      return baseline_packed::packed_table();
  }
}

const PackedKernels& active_packed() {
  return packed_kernels_for(active_isa());
}

RowsType rows_for(const PackedKernels& kernels, PackedType type) {
  switch (type) {
    case PackedType::f32:
    case PackedType::f16:
    case PackedType::f32_2_of_4:
    case PackedType::f16_2_of_4:
      return RowsType::f32;
    case PackedType::bf16:
    case PackedType::bf16_2_of_4:
    case PackedType::bf16_apart:
      return kernels.bf16_rows;
    case PackedType::f32_condensed:
    case PackedType::f16_condensed:
    case PackedType::bf16_condensed:
      return RowsType::f32_columns;
    default:
      return RowsType::int8;
  }
}

int64_t next_tile(const PackedKernels& kernels, int64_t tokens) {
  const int64_t tiles = (tokens + kernels.tile_tokens - 1) / kernels.tile_tokens;
  return (tokens + tiles - 1) / tiles;
}

}  // namespace coppice::kernels
