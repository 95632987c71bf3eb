#pragma once
// Sums of packed products: `vectors` by `Tokens` of them, which stay in registers.

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

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
