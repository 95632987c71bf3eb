#pragma once
// Kernels of softmax attention over cached keys and values. One table per instruction set, chosen together with that
// of kernels.h (COPPICE_ISA); on processors that multiply bf16 (AVX-512 BF16), avx512 means the table avx512_bf16.
//
// As kernels.h, this header has no inline functions and no std:: templates, because files that are compiled for other
// instruction sets include it.
//
// A block holds the keys and values of one key-value head at `block_positions` consecutive positions, `width` elements
// each: head widths rounded up to a multiple of `width_multiple`, what is missing 0. Keys lie in panels of
// `panel_positions`, so that the scores of a vector of positions are sums of products with one broadcast query element
// and nothing is summed across lanes; values lie in rows. As offsets in elements, k a position and d an element of the
// head:
//
//   f32, f16, q8   keys    (k / 32) * 32 * width + d * 32 + k % 32        values  64 * width + k * width + d
//   bf16           keys    (k / 32) * 32 * width + (d / 2) * 64 + k % 32 * 2 + d % 2
//                  values  64 * width + (k / 2) * 2 * width + d * 2 + k % 2
//   q8             behind both the scales as floats, one per position: those of the keys, those of the values
//
// q8 rounds key / scale and value / scale to bytes, scale = largest magnitude / 127. f16 saturates at its largest number.
//
// Error bounds, with u = 2^-24 and s the largest |score|: the shares of the values have a relative error below
// (width + 200 + 2 s) u of what exact arithmetic makes of the stored elements; with bf16 products (table avx512_bf16,
// element bf16) queries and shares are rounded to bf16 first, 2^-9 relative each. One row of the result is computed by
// the same operations in the same order whatever other rows take part in the call, and whatever it does not see.

#include <cstdint>

namespace coppice::kernels {

enum : int64_t { block_positions = 64, panel_positions = 32, width_multiple = 16 };

enum class CacheElement { f32, bf16, f16, q8 };

// A span of blocks, for some rows: a query each.
struct AttendArguments {
  CacheElement element;
  int64_t width;
  const float* queries;  // `rows` times `width` floats, as pack_queries made them
  int64_t rows;
  const int32_t* begin;  // the positions that each row sees, counted from the first block's first
  const int32_t* end;
  const float* const* biases;  // nullptr, or for each row what is added to its scores, counted alike
  const void* const* blocks;
  // Results, per row: the highest score, the sum of exp(score - highest), and the values weighted by the same;
  // `width` floats of them. A row that sees nothing has sum 0.
  float* highest;
  float* total;
  float* mixed;
};

struct AttentionKernels {
  const char* name;

  // Writes a position's key and value, `dim` floats each, into a block.
  void (*store)(CacheElement element, const float* key, const float* value, int64_t dim, int64_t width,
                int64_t position, void* block);
  // to = scale * from as attend reads it, filled with zeros up to `width` floats.
  void (*pack_query)(CacheElement element, const float* from, int64_t dim, float scale, int64_t width,
                     float* to);
  void (*attend)(const AttendArguments&);
  // Adds what one span gave a row to what the spans before it gave.
  void (*merge)(float highest, float total, const float* mixed, int64_t width, float* all_highest,
                float* all_total, float* all_mixed);
  // y = mixed / total.
  void (*finish)(float total, const float* mixed, int64_t dim, float* y);
};

// Bytes of a block.
int64_t cache_block_bytes(CacheElement element, int64_t width);

// The table in use; follows use_isa.
const AttentionKernels& active_attention();
// A list of all tables that this machine can run, from the least to the best, ended by nullptr.
const AttentionKernels* const* supported_attention_kernels();

namespace baseline_attention {
const AttentionKernels& attention_table();
}
namespace avx2_attention {
const AttentionKernels& attention_table();
}
namespace avx512_attention {
const AttentionKernels& attention_table();
}
namespace avx512_bf16_attention {
const AttentionKernels& attention_table();
}

}  // namespace coppice::kernels
