#pragma once
// Similarities of queries with rows of floats or bf16, a tile of both at a time. Every output has one accumulator, so
// that tiles of all shapes give the same bits.

#include "kernels/bodies/vectors.h"
#include "kernels/vector_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

template <bool distance>
COPPICE_INLINE F accumulate(F query, F row, F sums) {
  if constexpr (distance) {
    const F difference = sub(query, row);
    return fma(difference, difference, sums);
  } else {
    return fma(query, row, sums);
  }
}

template <class Row, bool distance, int queries, int rows>
COPPICE_INLINE void row_tile(const RowsArguments& a, int64_t first_query, int64_t first_row) {
  const float* q[queries];
  const Row* r[rows];
  F sums[queries][rows];
  COPPICE_UNROLL
  for (int i = 0; i < queries; ++i)
    q[i] = static_cast<const float*>(a.queries) + (first_query + i) * a.query_stride;
  COPPICE_UNROLL
  for (int j = 0; j < rows; ++j) {
    const int64_t row = a.row_ids != nullptr ? static_cast<int64_t>(a.row_ids[first_row + j]) : first_row + j;
    r[j] = static_cast<const Row*>(a.rows) + row * a.row_stride;
    COPPICE_UNROLL
    for (int i = 0; i < queries; ++i) sums[i][j] = zero();
  }
  int64_t d = 0;
  for (; d + lanes <= a.dim; d += lanes) {
    F x[queries];
    COPPICE_UNROLL
    for (int i = 0; i < queries; ++i) x[i] = load(q[i] + d);
    COPPICE_UNROLL
    for (int j = 0; j < rows; ++j) {
      const F y = load(r[j] + d);
      COPPICE_UNROLL
      for (int i = 0; i < queries; ++i) sums[i][j] = accumulate<distance>(x[i], y, sums[i][j]);
    }
  }
  if (const int64_t rest = a.dim - d; rest > 0) {
    COPPICE_UNROLL
    for (int j = 0; j < rows; ++j) {
      const F y = load_part(r[j] + d, rest);
      COPPICE_UNROLL
      for (int i = 0; i < queries; ++i)
        sums[i][j] = accumulate<distance>(load_part(q[i] + d, rest), y, sums[i][j]);
    }
  }
  auto* scores = static_cast<float*>(a.scores);
  COPPICE_UNROLL
  for (int i = 0; i < queries; ++i) {
    COPPICE_UNROLL
    for (int j = 0; j < rows; ++j)
      scores[(first_query + i) * a.score_stride + first_row + j] = sum(sums[i][j]);
  }
}

template <class Row, bool distance, int queries, int rows>
COPPICE_INLINE void row_tiles(const RowsArguments& a, int64_t first_query) {
  int64_t r = 0;
  for (; r + rows <= a.row_count; r += rows) row_tile<Row, distance, queries, rows>(a, first_query, r);
  for (; r < a.row_count; ++r) row_tile<Row, distance, queries, 1>(a, first_query, r);
}

template <class Row, bool distance>
inline void score_rows(const RowsArguments& a) {
  constexpr int rows_at_once = lanes == 16 ? 4 : 2;  // as registers allow
  int64_t q = 0;
  for (; q + 4 <= a.query_count; q += 4) row_tiles<Row, distance, 4, rows_at_once>(a, q);
  for (; q < a.query_count; ++q) row_tiles<Row, distance, 1, 4>(a, q);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
