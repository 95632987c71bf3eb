#pragma once
// Products with a weight matrix as stored. Each output has two vectors of partial sums: vector k of the row
// goes to sum k % 2 (a last partial vector to the second), then the two are added and their lanes summed.
// Tiles of tokens by rows only share loads, so that an output does not depend on which tile computed it.

#include "kernels/bodies/vectors.h"
#include "kernels/kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

template <int Rows, int Tokens>
struct Tile {
  F sums[2][Rows][Tokens];
};

template <int Rows, int Tokens, class W>
COPPICE_INLINE void tile_step(Tile<Rows, Tokens>& tile, int half, const float* const* x, const W* const* w,
                              int64_t k) {
  F xs[Tokens];
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) xs[t] = load(x[t] + k);
  COPPICE_UNROLL
  for (int r = 0; r < Rows; ++r) {
    const F ws = load(w[r] + k);
    COPPICE_UNROLL
    for (int t = 0; t < Tokens; ++t) tile.sums[half][r][t] = fma(ws, xs[t], tile.sums[half][r][t]);
  }
}

// y[t * y_stride + r] for Rows rows and Tokens tokens, given by pointers.
template <int Rows, int Tokens, class W>
COPPICE_INLINE void product_tile(const float* const* x, const W* const* w, int64_t in, float* y,
                                 int64_t y_stride) {
  Tile<Rows, Tokens> tile;
  COPPICE_UNROLL
  for (int r = 0; r < Rows; ++r) {
    COPPICE_UNROLL
    for (int t = 0; t < Tokens; ++t) tile.sums[0][r][t] = tile.sums[1][r][t] = zero();
  }
  int64_t k = 0;
  for (; k + 2 * lanes <= in; k += 2 * lanes) {
    tile_step(tile, 0, x, w, k);
    tile_step(tile, 1, x, w, k + lanes);
  }
  if (k + lanes <= in) {
    tile_step(tile, 0, x, w, k);
    k += lanes;
  }
  if (k < in) {
    COPPICE_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const F ws = load_part(w[r] + k, in - k);
      COPPICE_UNROLL
      for (int t = 0; t < Tokens; ++t)
        tile.sums[1][r][t] = fma(ws, load_part(x[t] + k, in - k), tile.sums[1][r][t]);
    }
  }
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    COPPICE_UNROLL
    for (int r = 0; r < Rows; ++r) y[t * y_stride + r] = sum(add(tile.sums[0][r][t], tile.sums[1][r][t]));
  }
}

template <int Rows, class W>
COPPICE_INLINE void product_tokens(const float* const* x, int64_t tokens, const W* const* w, int64_t in,
                                   float* y, int64_t y_stride) {
  int64_t t = 0;
  for (; t + 3 <= tokens; t += 3) product_tile<Rows, 3>(x + t, w, in, y + t * y_stride, y_stride);
  if (tokens - t == 2) product_tile<Rows, 2>(x + t, w, in, y + t * y_stride, y_stride);
  if (tokens - t == 1) product_tile<Rows, 1>(x + t, w, in, y + t * y_stride, y_stride);
}

constexpr int tile_rows = lanes == 16 ? 4 : 2;  // as many sums as registers hold
constexpr int token_block = 24;                 // tokens that stay in the second-level cache
constexpr int64_t row_block = 64;               // rows that are read again for each block of tokens

template <class W>
COPPICE_INLINE void product_of(const ProductArguments& a) {
  const W* weights = static_cast<const W*>(a.w);
  const float* x[token_block];
  for (int64_t first_row = 0; first_row < a.rows; first_row += row_block) {
    const int64_t last_row = first_row + row_block < a.rows ? first_row + row_block : a.rows;
    for (int64_t first = 0; first < a.tokens; first += token_block) {
      const int64_t tokens = first + token_block < a.tokens ? token_block : a.tokens - first;
      for (int64_t t = 0; t < tokens; ++t)
        x[t] = a.x + (a.x_rows ? a.x_rows[first + t] : first + t) * a.x_stride;
      float* y = a.y + first * a.y_stride;
      const auto row = [&](int64_t r) { return weights + (a.w_rows ? a.w_rows[r] : r) * a.in; };
      int64_t r = first_row;
      // Few tokens: the weights' way from memory is the limit, and one row at a time is its fastest way.
      if (tokens > 3) {
        for (; r + tile_rows <= last_row; r += tile_rows) {
          const W* w[tile_rows];
          for (int i = 0; i < tile_rows; ++i) w[i] = row(r + i);
          product_tokens<tile_rows>(x, tokens, w, a.in, y + r, a.y_stride);
        }
      }
      for (; r < last_row; ++r) {
        const W* w[1] = {row(r)};
        product_tokens<1>(x, tokens, w, a.in, y + r, a.y_stride);
      }
    }
  }
}

inline void product(const ProductArguments& a) {
  if (a.element == Element::bf16)
    product_of<uint16_t>(a);
  else
    product_of<float>(a);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
