#pragma once
// What packed products share: sums, `vectors` by `Tokens` of them, which stay in registers, and plain numbers.

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

// Asks for the next of the bytes that are read soon, into the second-level cache.
template <int Tokens>
COPPICE_INLINE void fetch_soon(const uint8_t*& soon) {
  if constexpr (Tokens < 4) return;
  COPPICE_UNROLL
  for (int i = 0; i < soon_bytes; i += 64) __builtin_prefetch(soon + i, 0, 2);
  soon += soon_bytes;
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

// Plain numbers: the bytes of one, and a vector of them.
struct F32 {
  static constexpr int bytes = 4;
  static inline __attribute__((always_inline)) F load_rows(const uint8_t* w) {
    return load(reinterpret_cast<const float*>(w));
  }
};
struct F16 {
  static constexpr int bytes = 2;
  static inline __attribute__((always_inline)) F load_rows(const uint8_t* w) {
    return load_half(reinterpret_cast<const uint16_t*>(w));
  }
};
struct Bf16 {
  static constexpr int bytes = 2;
  static inline __attribute__((always_inline)) F load_rows(const uint8_t* w) {
    return load(reinterpret_cast<const uint16_t*>(w));
  }
};

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
