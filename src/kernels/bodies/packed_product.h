#pragma once
// Products of a panel by a tile; packed_kernels.h has the layouts. Sums of a group stay in registers, `Vectors` by
// `Tokens` of them, and are added to the totals when the group ends.

#include "kernels/bodies/vectors.h"
#include "kernels/packed_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

constexpr int vectors = static_cast<int>(panel_rows) / lanes;

template <int Tokens>
struct Totals {
  F of[vectors][Tokens];
};

template <int Tokens>
COPPICE_INLINE void clear(Totals<Tokens>& totals) {
  COPPICE_UNROLL
  for (int v = 0; v < vectors; ++v) {
    COPPICE_UNROLL
    for (int t = 0; t < Tokens; ++t) totals.of[v][t] = zero();
  }
}

template <int Tokens>
COPPICE_INLINE void add_to(Totals<Tokens>& totals, const Totals<Tokens>& sums) {
  COPPICE_UNROLL
  for (int v = 0; v < vectors; ++v) {
    COPPICE_UNROLL
    for (int t = 0; t < Tokens; ++t) totals.of[v][t] = add(totals.of[v][t], sums.of[v][t]);
  }
}

template <int Tokens>
COPPICE_INLINE void store_totals(const Totals<Tokens>& totals, float* out) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) store(out + t * panel_rows + v * lanes, totals.of[v][t]);
  }
}

COPPICE_INLINE float float_at(const uint8_t* p) {
  float value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
COPPICE_INLINE int32_t int_at(const uint8_t* p) {
  int32_t value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

// One column of weights by its element of every token.
template <int Tokens>
COPPICE_INLINE void add_column(Totals<Tokens>& sums, const F* w, const uint8_t* x) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    const F xs = set(float_at(x + 4 * t));
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) sums.of[v][t] = fma(w[v], xs, sums.of[v][t]);
  }
}

struct F32Columns {
  static constexpr int columns = 1, bytes = 128;
  static inline __attribute__((always_inline)) void load_weights(const uint8_t* w, F (*out)[vectors]) {
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) out[0][v] = load(reinterpret_cast<const float*>(w) + v * lanes);
  }
};
struct F16Columns {
  static constexpr int columns = 1, bytes = 64;
  static inline __attribute__((always_inline)) void load_weights(const uint8_t* w, F (*out)[vectors]) {
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) out[0][v] = load_half(reinterpret_cast<const uint16_t*>(w) + v * lanes);
  }
};
struct Bf16Columns {
  static constexpr int columns = 2, bytes = 128;
  static inline __attribute__((always_inline)) void load_weights(const uint8_t* w, F (*out)[vectors]) {
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const N pairs = load_codes(w + v * lanes * 4);
      out[0][v] = low_half(pairs);
      out[1][v] = high_half(pairs);
    }
  }
};

template <int Tokens, class Columns>
void product_floats(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g) {
    Totals<Tokens> sums;
    clear(sums);
    for (int k = 0; k < group_columns; k += Columns::columns) {
      F w[Columns::columns][vectors];
      Columns::load_weights(panel, w);
      COPPICE_UNROLL
      for (int i = 0; i < Columns::columns; ++i) add_column<Tokens>(sums, w[i], tile + i * 4 * Tokens);
      panel += Columns::bytes;
      tile += Columns::columns * 4 * Tokens;
    }
    add_to(totals, sums);
  }
  store_totals(totals, out);
}

#if defined(COPPICE_PACKED_BF16)
template <int Tokens>
void product_pairs(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t pair = 0; pair < groups * (group_columns / 2); ++pair) {
    N w[vectors];
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) w[v] = load_codes(panel + v * lanes * 4);
    COPPICE_UNROLL
    for (int t = 0; t < Tokens; ++t) {
      const N x = spread(int_at(tile + 4 * t));
      COPPICE_UNROLL
      for (int v = 0; v < vectors; ++v) totals.of[v][t] = dot_pairs(totals.of[v][t], w[v], x);
    }
    panel += 128;
    tile += 4 * Tokens;
  }
  store_totals(totals, out);
}
#endif

template <int Tokens>
struct Sums {
  N of[vectors][Tokens];
};

// Sums that begin with `factor` times minus the codes' sum, of all or of the first or last 16.
enum class Half { all, first, last };
template <int Tokens>
COPPICE_INLINE void begin_sums(Sums<Tokens>& sums, const uint8_t* x, int shift, Half half = Half::all) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    const uint8_t* totals = x + 8 * Tokens + 4 * t;
    int32_t minus = int_at(half == Half::first ? totals + 4 * Tokens : totals);
    if (half == Half::last) minus -= int_at(totals + 4 * Tokens);
    const N start = shift_left(spread(minus), shift);
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) sums.of[v][t] = start;
  }
}
template <int Tokens>
COPPICE_INLINE void clear(Sums<Tokens>& sums) {
  COPPICE_UNROLL
  for (int v = 0; v < vectors; ++v) {
    COPPICE_UNROLL
    for (int t = 0; t < Tokens; ++t) sums.of[v][t] = spread(0);
  }
}

// Four columns of codes by theirs of every token.
template <int Tokens>
COPPICE_INLINE void add_quad(Sums<Tokens>& sums, const N* w, const uint8_t* x) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    const X xs = spread_codes(reinterpret_cast<const int8_t*>(x) + 4 * t);
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) sums.of[v][t] = dot4(sums.of[v][t], w[v], xs);
  }
}

// totals += scale of the weights * scale of the token * sums.
template <int Tokens>
COPPICE_INLINE void add_scaled_sums(Totals<Tokens>& totals, const Sums<Tokens>& sums, const F* scales,
                                    const uint8_t* x) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    const F xs = set(float_at(x + 4 * t));
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v)
      totals.of[v][t] = fma(to_floats(sums.of[v][t]), mul(scales[v], xs), totals.of[v][t]);
  }
}

// totals += minimum of the weights * scale of the token * minus the sum of its codes.
template <int Tokens>
COPPICE_INLINE void add_minima(Totals<Tokens>& totals, const F* minima, const uint8_t* x) {
  COPPICE_UNROLL
  for (int t = 0; t < Tokens; ++t) {
    const F xs = set(float_at(x + 4 * Tokens + 4 * t));
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) totals.of[v][t] = fma(minima[v], xs, totals.of[v][t]);
  }
}

COPPICE_INLINE void load_scales(const uint8_t* halves, F* out) {
  COPPICE_UNROLL
  for (int v = 0; v < vectors; ++v) out[v] = load_half(reinterpret_cast<const uint16_t*>(halves) + v * lanes);
}

// The eight quads of a group of nibbles.
template <int Tokens>
COPPICE_INLINE void add_nibbles(Sums<Tokens>& sums, const uint8_t* nibbles, const uint8_t* codes) {
  const N low = spread(0x0F0F0F0F);
  for (int i = 0; i < 4; ++i) {
    N even[vectors], odd[vectors];
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const N both_quads = load_codes(nibbles + i * 128 + v * lanes * 4);
      even[v] = both(both_quads, low);
      odd[v] = both(shift_right(both_quads, 4), low);
    }
    add_quad(sums, even, codes + (2 * i) * 4 * Tokens);
    add_quad(sums, odd, codes + (2 * i + 1) * 4 * Tokens);
  }
}

template <int Tokens>
void product_q8_0(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g, panel += 1088, tile += 48 * Tokens) {
    Sums<Tokens> sums;
    begin_sums(sums, tile, 7);
    for (int quad = 0; quad < 8; ++quad) {
      N w[vectors];
      COPPICE_UNROLL
      for (int v = 0; v < vectors; ++v) w[v] = load_codes(panel + 64 + quad * 128 + v * lanes * 4);
      add_quad(sums, w, tile + (16 + 4 * quad) * Tokens);
    }
    F scales[vectors];
    load_scales(panel, scales);
    add_scaled_sums(totals, sums, scales, tile);
  }
  store_totals(totals, out);
}

template <int Tokens>
void product_q4_0(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g, panel += 576, tile += 48 * Tokens) {
    Sums<Tokens> sums;
    begin_sums(sums, tile, 3);
    add_nibbles(sums, panel + 64, tile + 16 * Tokens);
    F scales[vectors];
    load_scales(panel, scales);
    add_scaled_sums(totals, sums, scales, tile);
  }
  store_totals(totals, out);
}

template <int Tokens>
void product_q4_1(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g, panel += 640, tile += 48 * Tokens) {
    Sums<Tokens> sums;
    clear(sums);
    add_nibbles(sums, panel + 128, tile + 16 * Tokens);
    F scales[vectors], minima[vectors];
    load_scales(panel, scales);
    load_scales(panel + 64, minima);
    COPPICE_UNROLL
    for (int v = 0; v < vectors; ++v) minima[v] = sub(zero(), minima[v]);
    add_scaled_sums(totals, sums, scales, tile);
    add_minima(totals, minima, tile);
  }
  store_totals(totals, out);
}

template <int Tokens>
void product_q4_k(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; g += k_groups) {
    F scale_8[vectors], minimum_8[vectors];
    load_scales(panel, scale_8);
    load_scales(panel + 64, minimum_8);
    panel += 128;
    for (int i = 0; i < k_groups; ++i, panel += 576, tile += 48 * Tokens) {
      Sums<Tokens> sums;
      clear(sums);
      add_nibbles(sums, panel + 64, tile + 16 * Tokens);
      F scales[vectors], minima[vectors];
      COPPICE_UNROLL
      for (int v = 0; v < vectors; ++v) {
        scales[v] = mul(scale_8[v], to_floats(load_bytes(panel + v * lanes)));
        minima[v] = mul(minimum_8[v], to_floats(load_bytes(panel + 32 + v * lanes)));
      }
      add_scaled_sums(totals, sums, scales, tile);
      add_minima(totals, minima, tile);
    }
  }
  store_totals(totals, out);
}

template <int Tokens>
void product_q6_k(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  Totals<Tokens> totals;
  clear(totals);
  const N low = spread(0x0F0F0F0F), pair = spread(0x30303030);
  for (int64_t g = 0; g < groups; g += k_groups) {
    F scale_8[vectors];
    load_scales(panel, scale_8);
    panel += 64;
    for (int i = 0; i < k_groups; ++i, panel += 832, tile += 48 * Tokens) {
      COPPICE_UNROLL
      for (int half = 0; half < 2; ++half) {
        Sums<Tokens> sums;
        begin_sums(sums, tile, 5, half == 0 ? Half::first : Half::last);
        COPPICE_UNROLL
        for (int quad = 0; quad < 4; ++quad) {
          N w[vectors];
          COPPICE_UNROLL
          for (int v = 0; v < vectors; ++v) {
            const N nibbles = load_codes(panel + 64 + (half * 2 + quad / 2) * 128 + v * lanes * 4);
            const N pairs = load_codes(panel + 576 + half * 128 + v * lanes * 4);
            const N lower = both(quad % 2 == 0 ? nibbles : shift_right(nibbles, 4), low);
            const N upper = quad < 2 ? shift_left(pairs, 4 - 2 * quad) : shift_right(pairs, 2 * quad - 4);
            w[v] = either(lower, both(upper, pair));
          }
          add_quad(sums, w, tile + (16 + 4 * (half * 4 + quad)) * Tokens);
        }
        F scales[vectors];
        COPPICE_UNROLL
        for (int v = 0; v < vectors; ++v)
          scales[v] =
              mul(scale_8[v],
                  to_floats(load_bytes(reinterpret_cast<const int8_t*>(panel) + half * 32 + v * lanes)));
        add_scaled_sums(totals, sums, scales, tile);
      }
    }
  }
  store_totals(totals, out);
}

template <int Tokens>
void product_of(PackedType type, const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out) {
  switch (type) {
    case PackedType::f32:
      return product_floats<Tokens, F32Columns>(panel, groups, tile, out);
    case PackedType::f16:
      return product_floats<Tokens, F16Columns>(panel, groups, tile, out);
    case PackedType::bf16:
#if defined(COPPICE_PACKED_BF16)
      return product_pairs<Tokens>(panel, groups, tile, out);
#else
      return product_floats<Tokens, Bf16Columns>(panel, groups, tile, out);
#endif
    case PackedType::q8_0:
      return product_q8_0<Tokens>(panel, groups, tile, out);
    case PackedType::q4_0:
      return product_q4_0<Tokens>(panel, groups, tile, out);
    case PackedType::q4_1:
      return product_q4_1<Tokens>(panel, groups, tile, out);
    case PackedType::q4_k:
      return product_q4_k<Tokens>(panel, groups, tile, out);
    case PackedType::q6_k:
      return product_q6_k<Tokens>(panel, groups, tile, out);
  }
}

inline void product(PackedType type, const void* panel, int64_t groups, const void* tile, int64_t tokens,
                    float* out) {
  const auto* w = static_cast<const uint8_t*>(panel);
  const auto* x = static_cast<const uint8_t*>(tile);
  switch (tokens) {
    case 1:
      return product_of<1>(type, w, groups, x, out);
    case 2:
      return product_of<2>(type, w, groups, x, out);
#if COPPICE_PACKED_TOKENS >= 3
    case 3:
      return product_of<3>(type, w, groups, x, out);
#endif
#if COPPICE_PACKED_TOKENS >= 8
    case 4:
      return product_of<4>(type, w, groups, x, out);
    case 5:
      return product_of<5>(type, w, groups, x, out);
    case 6:
      return product_of<6>(type, w, groups, x, out);
    case 7:
      return product_of<7>(type, w, groups, x, out);
    case 8:
      return product_of<8>(type, w, groups, x, out);
#endif
  }
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
