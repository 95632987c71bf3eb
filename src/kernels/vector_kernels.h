#pragma once
// Kernels of vector search: similarities of queries with many rows, and the pieces of late interaction. One table per
// instruction set, chosen together with that of kernels.h (COPPICE_ISA); avx512_vnni and
// avx512_bf16 share the table that multiplies bytes.
//
// As kernels.h, this header has no inline functions and no std:: templates, because files that are compiled for other
// instruction sets include it.
//
// Error bounds, with u = 2^-24: |computed - exact| <= (d + 2) u sum |a_i b_i| for every sum of d products of floats
// (for squared distances, of squares: 3 u more, since the difference is rounded); products of bytes are exact. One output is computed by the
// same operations in the same order whatever the number of queries and rows in the call.

#include <cstdint>

namespace coppice::kernels {

// scores[q, r] = similarity of query q with row r. Queries are floats except for `dot_int8`, where they are bytes as
// the rows; scores are floats except there, where they are int32.
struct RowsArguments {
  const void* queries;
  int64_t query_stride, query_count;  // strides are in elements
  const void* rows;
  int64_t row_stride;
  const uint32_t* row_ids;  // which row is the r-th, or nullptr: the r-th
  int64_t row_count, dim;
  void* scores;
  int64_t score_stride;
};

// A panel holds `panel_width` columns of a matrix side by side: element d of column c lies at [d * panel_width + c].
// Matrices of more columns are panels one behind the other; columns that are missing in the last are zeros.
struct PanelArguments {
  const float* panels;
  int64_t panel_count, dim;
  const void* rows;  // floats or bf16
  int64_t row_stride, row_count;
};

struct VectorKernels {
  const char* name;
  int64_t panel_width;

  void (*dot_f32)(const RowsArguments&);
  void (*dot_bf16)(const RowsArguments&);
  void (*squared_distance_f32)(const RowsArguments&);
  void (*squared_distance_bf16)(const RowsArguments&);
  // Right for all bytes, -128 included, while dim < 2^15.
  void (*dot_int8)(const RowsArguments&);

  // scores[r, c] = row r . column c; `scores` has panel_count * panel_width columns.
  void (*panel_product_f32)(const PanelArguments&, float* scores, int64_t score_stride);
  void (*panel_product_bf16)(const PanelArguments&, float* scores, int64_t score_stride);
  // best[c] = max(best[c], row r . column c) over all rows.
  void (*panel_max_f32)(const PanelArguments&, float* best);
  void (*panel_max_bf16)(const PanelArguments&, float* best);
  // For every row the column of the highest row . column + bias[column], the first of equals; value and index.
  void (*panel_argmax)(const PanelArguments&, const float* bias, float* value, int32_t* index);

  // best[c] = max over i of table[ids[i] * columns + c]; count >= 1, columns a multiple of panel_width. An id that is
  // not below `rows` counts as 0.
  void (*max_of_rows)(const float* table, int64_t rows, int64_t columns, const uint32_t* ids, int64_t count,
                      float* best);

  // approximate[i] = dots[i] * scale[i] * query_scale, and slack[i] = error[i] * query_norm + norm[i] * query_error.
  void (*scale_int8)(const int32_t* dots, const float* scale, const float* error, const float* norm,
                     int64_t count, const float* query, float* approximate, float* slack);

  // y = base + weights[code]: codes of `bits` (1, 2, 4) each, the first in the lowest bits; `weights` has 16 entries of
  // which the first 2^bits count; dim is a multiple of 8.
  void (*decode_residual)(const float* base, const uint8_t* codes, int bits, const float* weights,
                          int64_t dim, float* y);
  // sums[i] = sum over s, ascending, of table[s * 256 + codes[i * subquantizers + s]].
  void (*sum_lookups)(const float* table, const uint8_t* codes, int64_t subquantizers, int64_t count,
                      float* sums);
};

}  // namespace coppice::kernels
