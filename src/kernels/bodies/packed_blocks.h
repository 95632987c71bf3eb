#pragma once
// Products of blocks of integers by tiles of bytes; packed_kernels.h has the layouts.

#include "kernels/bodies/packed_sums.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

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

struct Q8Codes {
  static constexpr int bytes = 1088, middle = 7;  // the log2 of the code that stands for 0
  static constexpr int ahead =
      3072;  // a lone token's product is 3 to 5% faster if it asks for bytes so early
  template <int Tokens>
  static inline __attribute__((always_inline)) void add(Sums<Tokens>& sums, const uint8_t* codes,
                                                        const uint8_t* x) {
    for (int quad = 0; quad < 8; ++quad) {
      N w[vectors];
      COPPICE_UNROLL
      for (int v = 0; v < vectors; ++v) w[v] = load_codes(codes + quad * 128 + v * lanes * 4);
      add_quad(sums, w, x + 4 * quad * Tokens);
    }
  }
};
struct Q4Codes {
  static constexpr int bytes = 576, middle = 3;
  static constexpr int ahead = 0;  // asking is no gain
  template <int Tokens>
  static inline __attribute__((always_inline)) void add(Sums<Tokens>& sums, const uint8_t* codes,
                                                        const uint8_t* x) {
    add_nibbles(sums, codes, x);
  }
};

// Asks for the group that lies `ahead` of one, which need not exist.
template <class Codes>
COPPICE_INLINE void fetch_ahead(const uint8_t* group) {
  if constexpr (Codes::ahead == 0) return;
  COPPICE_UNROLL
  for (int i = 0; i < Codes::bytes; i += 64) __builtin_prefetch(group + Codes::ahead + i, 0, 2);
}

// Blocks of a scale and codes around a middle one.
template <int Tokens, class Codes>
void product_centred(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                     const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g, panel += Codes::bytes, tile += 48 * Tokens) {
    fetch_soon<Tokens>(soon);
    if constexpr (Tokens == 1) fetch_ahead<Codes>(panel);
    Sums<Tokens> sums;
    begin_sums(sums, tile, Codes::middle);
    Codes::add(sums, panel + 64, tile + 16 * Tokens);
    F scales[vectors];
    load_scales(panel, scales);
    add_scaled_sums(totals, sums, scales, tile);
  }
  store_totals(totals, out);
}

template <int Tokens>
void product_q4_1(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                  const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; ++g, panel += 640, tile += 48 * Tokens) {
    fetch_soon<Tokens>(soon);
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
void product_q4_k(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                  const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  for (int64_t g = 0; g < groups; g += k_groups) {
    F scale_8[vectors], minimum_8[vectors];
    load_scales(panel, scale_8);
    load_scales(panel + 64, minimum_8);
    panel += 128;
    for (int i = 0; i < k_groups; ++i, panel += 576, tile += 48 * Tokens) {
      fetch_soon<Tokens>(soon);
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
void product_q6_k(const uint8_t* panel, int64_t groups, const uint8_t* tile, float* out,
                  const uint8_t* soon) {
  Totals<Tokens> totals;
  clear(totals);
  const N low = spread(0x0F0F0F0F), pair = spread(0x30303030);
  for (int64_t g = 0; g < groups; g += k_groups) {
    F scale_8[vectors];
    load_scales(panel, scale_8);
    panel += 64;
    for (int i = 0; i < k_groups; ++i, panel += 832, tile += 48 * Tokens) {
      fetch_soon<Tokens>(soon);
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

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
