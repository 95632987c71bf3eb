#pragma once
// Products of plain numbers, by all columns or by chosen ones; packed_kernels.h has the layouts. Sums of a group are added
// to the totals when the group ends.

#include "kernels/bodies/packed_sums.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

// One column of weights by its element of every token, which lie as far apart as quads do.
template <int Tokens>
COPPICE_INLINE void add_column(Totals<Tokens>& sums, const F* w, const uint8_t* x) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    const F xs = set(float_at(x + 16 * t));
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) sums.of[v][t] = fma(w[v], xs, sums.of[v][t]);
  }
}

// How columns lie: one by one, or two of bf16 side by side in each row.
template <class Number>
struct SingleColumns {
  static constexpr int columns = 1, bytes = static_cast<int>(panel_rows) * Number::bytes;
  static inline __attribute__((always_inline)) void load_weights(const uint8_t* w, F (*out)[vectors]) {
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) out[0][v] = Number::load_rows(w + v * lanes * Number::bytes);
  }
};
struct Bf16Pairs {
  static constexpr int columns = 2, bytes = 128;
  static inline __attribute__((always_inline)) void load_weights(const uint8_t* w, F (*out)[vectors]) {
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const N pairs = load_codes(w + v * lanes * 4);
      out[0][v] = high_half(pairs);
      out[1][v] = low_half(pairs);
    }
  }
};

template <int Tokens, class Columns>
void product_floats(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                    const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g) {
    fetch_soon<Tokens>(soon);
    Totals<Tokens> sums;
    clear(sums);
    for (int quad = 0; quad < group_columns / 4; ++quad) {
      COPPICE_UNROLL
      for (int k = 0; k < 4; k += Columns::columns) {
        F w[Columns::columns][vectors];
        Columns::load_weights(panel, w);
        COPPICE_UNROLL
        for (int i = 0; i < Columns::columns; ++i) add_column<Tokens>(sums, w[i], tile + 4 * (k + i));
        panel += Columns::bytes;
      }
      tile += 16 * Tokens;
    }
    add_to(totals, sums);
  }
  store_totals(totals, out);
}

// The processor does not foresee which column comes next.
template <int bytes>
COPPICE_INLINE void fetch_early(const uint8_t* panel, const int32_t* columns, int64_t i, int64_t count) {
  constexpr int64_t ahead = 24;  // measured by bench_sparse
  if (i + ahead >= count) return;
  const uint8_t* column = panel + int64_t{columns[i + ahead]} * bytes;
  for (int at = 0; at < bytes; at += 64) __builtin_prefetch(column + at);
}

template <int Tokens, class Columns>
void chosen_floats(const uint8_t* panel, const int32_t* columns, int64_t count, const uint8_t* tile,
                   float* out) {
  static_assert(Columns::columns == 1);
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t i = 0; i < count;) {
    const int32_t end = (columns[i] / group_columns + 1) * group_columns;
    Totals<Tokens> sums;
    clear(sums);
    for (; i < count && columns[i] < end; ++i) {
      const int32_t k = columns[i];
      fetch_early<Columns::bytes>(panel, columns, i, count);
      F w[1][vectors];
      Columns::load_weights(panel + int64_t{k} * Columns::bytes, w);
      add_column<Tokens>(sums, w[0], tile + k / 4 * (16 * Tokens) + 4 * (k % 4));
    }
    add_to(totals, sums);
  }
  store_totals(totals, out);
}

#if defined(COPPICE_PACKED_BF16)
// One pair of columns by theirs of every token, which lie as far apart as quads do.
template <int Tokens>
COPPICE_INLINE void add_pair(Totals<Tokens>& totals, const N* w, const uint8_t* x) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    const N xs = spread(int_at(x + 8 * t));
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) totals.of[v][t] = dot_pairs(totals.of[v][t], w[v], xs);
  }
}

// Two columns of weights as they lie in panels of bf16, and in those of bf16_apart.
struct PairedColumns {
  COPPICE_INLINE void load_pair(const uint8_t* panel, N (&w)[vectors]) {
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) w[v] = load_codes(panel + v * lanes * 4);
  }
};
struct ColumnsApart {
  COPPICE_INLINE void load_pair(const uint8_t* panel, N (&w)[vectors]) { weave(panel, panel + 64, w); }
};

template <int Tokens, class Columns>
COPPICE_INLINE void add_pairs(Totals<Tokens>& totals, const uint8_t* panel, int64_t groups,
                              const uint8_t* tile, const uint8_t* soon) {
  for (int64_t g = 0; g < groups; ++g) {
    fetch_soon<Tokens>(soon);
    for (int quad = 0; quad < group_columns / 4; ++quad) {
      COPPICE_UNROLL
      for (int pair = 0; pair < 2; ++pair) {
        N w[vectors];
        Columns::load_pair(panel, w);
        add_pair(totals, w, tile + 4 * pair);
        panel += 128;
      }
      tile += 8 * Tokens;
    }
  }
}

template <int Tokens>
void product_pairs(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                   const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  add_pairs<Tokens, PairedColumns>(totals, panel, groups, tile, soon);
  store_totals(totals, out);
}

template <int Tokens>
COPPICE_INLINE void store_woven(Totals<Tokens>& totals, float* out) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) unweave(totals.of[0][t], totals.of[1][t]);
  store_totals(totals, out);
}

template <int Tokens>
void product_apart(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                   const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  add_pairs<Tokens, ColumnsApart>(totals, panel, groups, tile, soon);
  store_woven(totals, out);
}

// Where only one column of a pair is chosen it takes the place of the other one, too, whose activations are 0.
template <int Tokens>
void chosen_apart(const uint8_t* panel, const int32_t* columns, int64_t count, const uint8_t* tile,
                  float* out) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t i = 0; i < count;) {
    fetch_early<64>(panel, columns, i, count);
    const int32_t first = columns[i++];
    const bool both_chosen = i < count && (columns[i] ^ 1) == first;
    const int32_t second = both_chosen ? columns[i++] : first;
    N w[vectors];
    weave(panel + int64_t{first} * 64, panel + int64_t{second} * 64, w);
    add_pair(totals, w, tile + first / 4 * (8 * Tokens) + first % 4 / 2 * 4);
  }
  store_woven(totals, out);
}
#endif

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
