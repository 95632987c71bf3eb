#pragma once
// Products with weight matrices in panels, which is how the runtime keeps what it multiplies by.
//
// A panel holds 32 rows of a matrix (out, in), group after group of 32 columns, so that a thread that computes 32 outputs
// reads one stretch of memory from its first byte to its last. Rows that are missing in the last panel and columns that
// are missing in the last group are zeros. With r the row in the panel and k the column in the group, a group is
//
//   f32    float [k][r]                                                                           4096 bytes
//   f16    half [k][r]                                                                            2048
//   bf16   bf16 [k / 2][r][1 - k % 2]                                                             2048
//   q8_0   half scale[r]; byte [k / 4][r][k % 4] of code + 128                                    1088
//   q4_0   half scale[r]; nibbles                                                                  576
//   q4_1   half scale[r], half minimum[r]; nibbles                                                 640
//   q4_k   byte scale[r], byte minimum[r]; nibbles                                                 576
//   q6_k   int8 scale[k / 16][r]; nibbles; byte [k / 16][r][k % 4], whose bits 2s and 2s + 1 are
//          those above the nibble of column 16 (k / 16) + 4s + k % 4                               832
//
// where nibbles are byte [k / 8][r][k % 4], the low half of column 8 (k / 8) + k % 4 and the high half of the one four
// further. Eight groups of q4_k follow half scale[r], half minimum[r] (128 bytes), eight groups of q6_k half scale[r] (64
// bytes). A weight is
//
//   q8_0  scale (byte - 128)      q4_0  scale (nibble - 8)      q4_1  scale nibble + minimum
//   q4_k  scale_8 scale nibble - minimum_8 minimum              q6_k  scale_8 scale (code - 32)
//
// The codes are unsigned because that is what VNNI multiplies by signed bytes. The processor adds the upper one of a pair of
// bf16 first, so that every type adds up its columns in their order.
//
// Weights of which many are zero have panels without them:
//
//   two of four: where no row has more than two weights that are not 0 among columns 4i to 4i + 3. A group is
//     f32_2_of_4   float [k / 4][first, second][r]; uint32 [r]                                    2176
//     f16_2_of_4   half [k / 4][first, second][r]; uint32 [r]                                     1152
//     bf16_2_of_4  bf16 [k / 4][r][second, first]; uint32 [r]                                     1152
//     where bits 4i and 4i + 1 of the uint32 are the column k % 4 of the first weight of quad i, bits 4i + 2 and 4i + 3
//     that of the second, behind the first. Where there are fewer than two, zeros stand for others of the quad.
//   condensed: as many weights in each row, its fan-in, which takes the place of the groups. The j-th of every row are
//     f32_condensed   float [r]; uint16 column [r]                                                 192
//     f16_condensed   half [r]; uint16 column [r]                                                  128
//     bf16_condensed  bf16 [r]; uint16 column [r]                                                  128
//     in the order of their columns; rows that have fewer end on zeros of column 0. Up to 65,536 columns.
//
// f32, f16 and bf16_apart, which is bf16 [k][r] (2048 bytes), can also be multiplied by chosen columns only.
//
// The other operand is a tile: some tokens side by side, group after group of 32 columns, in the form that the weights'
// type asks for (`rows_for`). With n tokens a group is
//
//   f32    float [k / 4][n][k % 4]
//   bf16   bf16 [k / 4][n][k % 4 with its last bit turned], rounded to nearest even
//   f32_columns  float [k][n]; `columns_slack` bytes behind the last group must be readable
//   int8   float scale[n], float scale * -sum[n], int32 -sum[n], int32 -sum of the first 16 codes[n];
//          int8 [k / 4][n][k % 4], code = round(x / scale) to nearest even, scale = max |x| / 127
//
// The sums take back what the unsigned codes of the weights added: nothing more is read of the weights.
//
// An output is computed by the same operations in the same order whatever else is in its tile, so that decoding one token
// and prefilling five hundred give the same bits. Error bounds, with u = 2^-24, n columns and the activations as they lie
// in the tile:
//   f32, f16, and bf16 with f32 activations: |y - exact| <= (n / 32 + 34) u sum |w x|
//   bf16 with bf16 activations:              |y - exact| <= (n + 2) u sum |w x|
//   condensed, with n the fan-in:            |y - exact| <= (n + 1) u sum |w x|
//   integers: the products and sums of a group are exact; |y - exact| <= (n / 32 + 6) u sum over groups of |term|, where a minimum
//                                            is a term of its own
// Terms that are left out, because their weight or their activation is 0, would not have changed an output but for the
// sign of a zero, as long as all weights and activations are finite: panels of two of four and chosen columns give what
// plain panels give. Where an activation is not finite, outputs that have no weight for it may stay finite.
//
// Like kernels.h, this header has no inline functions and no std:: templates.

#include <cstdint>

namespace coppice::kernels {

enum class PackedType : uint8_t {
  f32,
  f16,
  bf16,
  q8_0,
  q4_0,
  q4_1,
  q4_k,
  q6_k,
  f32_2_of_4,
  f16_2_of_4,
  bf16_2_of_4,
  f32_condensed,
  f16_condensed,
  bf16_condensed,
  bf16_apart,
};
enum class RowsType : uint8_t { f32, bf16, int8, f32_columns };

enum : int64_t {
  panel_rows = 32,
  group_columns = 32,
  k_groups = 8,  // groups that share the scales of q4_k and q6_k
  largest_tile = 8,
  columns_slack = 32,
  most_condensed_columns = 65536,
  soon_bytes = 512,  // that a product brings near while it computes a group
};

bool is_condensed(PackedType type);
// Groups of a panel of so many columns, and the bytes of the panel. Condensed panels have their fan-in in place of both.
int64_t packed_groups(PackedType type, int64_t columns);
int64_t panel_bytes(PackedType type, int64_t columns);
int64_t panel_group_bytes(PackedType type);
// Bytes that one token adds to a group of a tile.
int64_t tile_group_bytes(RowsType type);

struct PackedKernels {
  const char* name;
  RowsType bf16_rows;   // what activations are for weights of bf16
  int64_t tile_tokens;  // most tokens of a tile

  // out[t * 32 + r] = sum over columns of tile[t] * panel[r], for `groups` groups of both. Meanwhile the processor is asked
  // for the `soon_bytes` * `groups` bytes at `soon`, part of the next panel, unless that is nullptr, or the tokens are so
  // few that a product waits for memory itself.
  void (*product)(PackedType type, const void* panel, int64_t groups, const void* tile, int64_t tokens,
                  float* out, const void* soon);
  // The same of the `count` columns, ascending, that are given, as if activations of all others were 0; of f32, f16 and
  // bf16_apart.
  void (*product_of_columns)(PackedType type, const void* panel, const int32_t* columns, int64_t count,
                             const void* tile, int64_t tokens, float* out);
  // Columns [0, columns) of the tokens that `x` points to, as groups of a tile.
  void (*pack_rows)(RowsType type, const float* const* x, int64_t tokens, int64_t columns, void* tile);
};

// The table of each isa_packed_*.cpp.
namespace baseline_packed {
const PackedKernels& packed_table();
}
namespace avx2_packed {
const PackedKernels& packed_table();
}
namespace avx512_packed {
const PackedKernels& packed_table();
}
namespace avx512_vnni_packed {
const PackedKernels& packed_table();
}
namespace avx512_bf16_packed {
const PackedKernels& packed_table();
}

}  // namespace coppice::kernels
