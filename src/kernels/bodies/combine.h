#pragma once
// Sums of rows. An output element is one chain of multiply-adds over the neurons in their order, whichever
// loop nest computes it.

#include "kernels/bodies/vectors.h"
#include "kernels/kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

template <class W>
COPPICE_INLINE const W* combine_row(const CombineArguments& a, int64_t n) {
  return static_cast<const W*>(a.w) + (a.w_rows ? a.w_rows[n] : n) * a.w_stride;
}

// One token: whole rows one after another, sums in the first-level cache.
template <class W>
COPPICE_INLINE void combine_one(const CombineArguments& a, const float* h, float* y) {
  for (int64_t c = 0; c < a.columns; ++c) y[c] = 0;
  int64_t n = 0;
  for (; n + 2 <= a.neurons; n += 2) {
    const W* w0 = combine_row<W>(a, n);
    const W* w1 = combine_row<W>(a, n + 1);
    const F h0 = set(h[n]), h1 = set(h[n + 1]);
    int64_t c = 0;
    for (; c + lanes <= a.columns; c += lanes)
      store(y + c, fma(h1, load(w1 + c), fma(h0, load(w0 + c), load(y + c))));
    if (const int64_t rest = a.columns - c; rest > 0)
      store_part(y + c,
                 fma(h1, load_part(w1 + c, rest), fma(h0, load_part(w0 + c, rest), load_part(y + c, rest))),
                 rest);
  }
  if (n < a.neurons) {
    const W* w = combine_row<W>(a, n);
    const F h0 = set(h[n]);
    int64_t c = 0;
    for (; c + lanes <= a.columns; c += lanes) store(y + c, fma(h0, load(w + c), load(y + c)));
    if (const int64_t rest = a.columns - c; rest > 0)
      store_part(y + c, fma(h0, load_part(w + c, rest), load_part(y + c, rest)), rest);
  }
}

// Several tokens: a tile of sums in registers, over all neurons.
template <int Tokens, int Vectors, class W>
COPPICE_INLINE void combine_tile(const CombineArguments& a, int64_t token, int64_t column) {
  F sums[Tokens][Vectors];
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    COPPICE_UNROLL
    for (int v = 0; v < Vectors; ++v) sums[t][v] = zero();
  }
  const float* h = a.h + token * a.h_stride;
  for (int64_t n = 0; n < a.neurons; ++n) {
    const W* w = combine_row<W>(a, n) + column;
    F ws[Vectors];
    COPPICE_UNROLL
    for (int v = 0; v < Vectors; ++v) ws[v] = load(w + v * lanes);
    COPPICE_UNROLL
    for (int t = 0; t < Tokens; ++t) {
      const F ht = set(h[t * a.h_stride + n]);
      COPPICE_UNROLL
      for (int v = 0; v < Vectors; ++v) sums[t][v] = fma(ht, ws[v], sums[t][v]);
    }
  }
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    COPPICE_UNROLL
    for (int v = 0; v < Vectors; ++v) store(a.y + (token + t) * a.y_stride + column + v * lanes, sums[t][v]);
  }
}

template <class W>
COPPICE_INLINE void combine_rest(const CombineArguments& a, int64_t token, int64_t column) {
  const int64_t rest = a.columns - column;
  F sums = zero();
  for (int64_t n = 0; n < a.neurons; ++n)
    sums = fma(set(a.h[token * a.h_stride + n]), load_part(combine_row<W>(a, n) + column, rest), sums);
  store_part(a.y + token * a.y_stride + column, sums, rest);
}

template <class W>
COPPICE_INLINE void combine_of(const CombineArguments& a) {
  int64_t column = 0;
  if (a.tokens >= 4) {
    for (; column + 2 * lanes <= a.columns; column += 2 * lanes) {
      int64_t t = 0;
      for (; t + 4 <= a.tokens; t += 4) combine_tile<4, 2, W>(a, t, column);
      for (; t < a.tokens; ++t) combine_tile<1, 2, W>(a, t, column);
    }
    for (; column + lanes <= a.columns; column += lanes) {
      int64_t t = 0;
      for (; t + 4 <= a.tokens; t += 4) combine_tile<4, 1, W>(a, t, column);
      for (; t < a.tokens; ++t) combine_tile<1, 1, W>(a, t, column);
    }
    if (column < a.columns)
      for (int64_t t = 0; t < a.tokens; ++t) combine_rest<W>(a, t, column);
    return;
  }
  for (int64_t t = 0; t < a.tokens; ++t) combine_one<W>(a, a.h + t * a.h_stride, a.y + t * a.y_stride);
}

inline void combine(const CombineArguments& a) {
  if (a.element == Element::bf16)
    combine_of<uint16_t>(a);
  else
    combine_of<float>(a);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
