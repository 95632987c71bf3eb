#pragma once
// Products of panels without zeros: two weights of four, and condensed; packed_kernels.h has the layouts.

#include "kernels/bodies/packed_sums.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

// How the two weights of a quad lie: behind each other, or of bf16 side by side in each row.
template <class OfType>
struct Apart {
  using Number = OfType;
  static inline __attribute__((always_inline)) void load_two(const uint8_t* quad, int v, F& first,
                                                             F& second) {
    first = Number::load_rows(quad + v * lanes * Number::bytes);
    second = Number::load_rows(quad + (static_cast<int>(panel_rows) + v * lanes) * Number::bytes);
  }
};
struct SideBySide {
  using Number = Bf16;
  static inline __attribute__((always_inline)) void load_two(const uint8_t* quad, int v, F& first,
                                                             F& second) {
    const N pairs = load_codes(quad + v * lanes * 4);
    first = high_half(pairs);
    second = low_half(pairs);
  }
};

constexpr int quads = static_cast<int>(group_columns) / 4;

// Sums of a group are added to the totals when it ends, as those of plain numbers are.
template <int Tokens, class Two>
void product_2_of_4(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                    const uint8_t* soon) {
  constexpr int quad_bytes = 2 * Two::Number::bytes * static_cast<int>(panel_rows);
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g) {
    fetch_soon<Tokens>(soon);
    Totals<Tokens> sums;
    clear(sums);
    N columns[vectors];
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) columns[v] = load_codes(panel + quads * quad_bytes + v * lanes * 4);
    for (int quad = 0; quad < quads; ++quad) {
      COPPICE_UNROLL
      for (int v = 0; v < vectors; ++v) {
        F first, second;
        Two::load_two(panel, v, first, second);
        const N next = shift_right(columns[v], 2);
        COPPICE_UNROLL
        for (int t = 0; t < Tokens; ++t) {
          const auto* x = reinterpret_cast<const float*>(tile + 16 * t);
          sums.of[v][t] = fma(second, pick(x, next), fma(first, pick(x, columns[v]), sums.of[v][t]));
        }
        columns[v] = shift_right(next, 2);
      }
      panel += quad_bytes;
      tile += 16 * Tokens;
    }
    panel += panel_rows * 4;
    add_to(totals, sums);
  }
  store_totals(totals, out);
}

#if defined(COPPICE_PACKED_BF16)
template <int Tokens>
void product_pairs_2_of_4(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                          const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g) {
    fetch_soon<Tokens>(soon);
    N columns[vectors];
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) columns[v] = load_codes(panel + quads * 128 + v * lanes * 4);
    COPPICE_UNROLL
    for (int quad = 0; quad < quads; ++quad) {
      N w[vectors];
      COPPICE_UNROLL
      for (int v = 0; v < vectors; ++v) w[v] = load_codes(panel + v * lanes * 4);
      COPPICE_UNROLL
      for (int t = 0; t < Tokens; ++t) {
        const N pairs = pairs_of_quad(tile + 8 * t);
        COPPICE_UNROLL
        for (int v = 0; v < vectors; ++v)
          totals.of[v][t] = dot_pairs(totals.of[v][t], w[v], pick_pairs(pairs, columns[v]));
      }
      COPPICE_UNROLL
      for (int v = 0; v < vectors; ++v) columns[v] = shift_right(columns[v], 4);
      panel += 128;
      tile += 8 * Tokens;
    }
    panel += panel_rows * 4;
  }
  store_totals(totals, out);
}
#endif

// An output is one chain of multiply-adds over its weights. One token: a vector holds rows.
template <class Number>
void condensed_one(const uint8_t* panel, int64_t fan_in, const uint8_t* tile, float* out) {
  constexpr int weight_bytes = Number::bytes * static_cast<int>(panel_rows);
  const auto* x = reinterpret_cast<const float*>(tile);
  Totals<1> totals;
  clear(totals);
  for (int64_t j = 0; j < fan_in; ++j) {
    const auto* columns = reinterpret_cast<const uint16_t*>(panel + weight_bytes);
    alignas(64) float chosen[panel_rows];
    COPPICE_UNROLL
    for (int r = 0; r < panel_rows; ++r) chosen[r] = x[columns[r]];
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v)
      totals.of[v][0] = fma(Number::load_rows(panel + v * lanes * Number::bytes), load(chosen + v * lanes),
                            totals.of[v][0]);
    panel += weight_bytes + 2 * panel_rows;
  }
  store_totals(totals, out);
}

// Several tokens: a vector holds what a column has of each of them, and some lanes beyond, which are not stored.
template <int Tokens, class Number>
void condensed_several(const uint8_t* panel, int64_t fan_in, const uint8_t* tile, float* out) {
  constexpr int weight_bytes = Number::bytes * static_cast<int>(panel_rows);
  const auto* x = reinterpret_cast<const float*>(tile);
  for (int first = 0; first < panel_rows; first += lanes) {
    S sums[lanes];
    COPPICE_UNROLL
    for (int r = 0; r < lanes; ++r) sums[r] = spread_over_tokens(0);
    const uint8_t* at = panel;
    for (int64_t j = 0; j < fan_in; ++j) {
      const auto* columns = reinterpret_cast<const uint16_t*>(at + weight_bytes) + first;
      alignas(64) float w[lanes];
      store(w, Number::load_rows(at + first * Number::bytes));
      COPPICE_UNROLL
      for (int r = 0; r < lanes; ++r)
        sums[r] = fma(spread_over_tokens(w[r]), load_tokens(x + columns[r] * Tokens), sums[r]);
      at += weight_bytes + 2 * panel_rows;
    }
    for (int r = 0; r < lanes; ++r) {
      float of_tokens[token_lanes];
      store_tokens(of_tokens, sums[r]);
      for (int t = 0; t < Tokens; ++t) out[t * panel_rows + first + r] = of_tokens[t];
    }
  }
}

template <int Tokens, class Number>
void product_condensed(const uint8_t* panel, int64_t fan_in, const uint8_t* tile, float* out,
                       const uint8_t* /*soon*/) {
  static_assert(Tokens <= token_lanes && 4 * token_lanes <= columns_slack);
  if constexpr (Tokens == 1)
    condensed_one<Number>(panel, fan_in, tile, out);
  else
    condensed_several<Tokens, Number>(panel, fan_in, tile, out);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
