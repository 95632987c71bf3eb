#pragma once
// What packed products need besides simd/baseline.h. All of simd/packed_*.h define the same names:
//
//   N                      a vector of as many int32 as F has floats
//   X, spread_codes        four signed bytes, repeated over a vector in the form that dot4 wants
//   dot4(sum, w, x)        sum + the products of the four unsigned bytes of each int32 of w by those of x, exact
//   low_half(v), high_half(v)      of bf16 pairs, as floats
//   pick(quad, index)      of the four floats at `quad` the one that the last two bits of each lane say
//   S                      some floats, one of each token, as many as token_lanes; fma as for F
//   spread_over_tokens, load_tokens, store_tokens
//
// and where the instruction set multiplies bf16:
//
//   dot_pairs              sum + products of pairs, the upper ones first
//   pairs_of_quad(quad), pick_pairs(pairs, index)  of four bf16, those that the last four bits of each lane say: two bits for
//                          the upper one of a pair, two for the lower
//   weave(first, second, pairs)    pairs of 32 numbers each, the first ones above; in an order that unweave turns back

#include "kernels/simd/baseline.h"
#include "kernels/simd/packed_vectors.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

COPPICE_INLINE N load_bytes(const uint8_t* p) {
  return N{p[0], p[1], p[2], p[3]};
}
COPPICE_INLINE N load_bytes(const int8_t* p) {
  return N{p[0], p[1], p[2], p[3]};
}
COPPICE_INLINE F to_floats(N v) {
  return __builtin_convertvector(v, F);
}
COPPICE_INLINE F load_half(const uint16_t* p) {
  H h;
  __builtin_memcpy(&h, p, sizeof h);
  const U bits = __builtin_convertvector(h, U);
  // Exponents of both kinds differ by 112; multiplying also widens denormals. Infinity and NaN get float's exponent.
  const U magnitude = (bits & 0x7FFFu) << 13;
  const F scaled = (F)magnitude * 0x1p112f;
  const U high = (U)((bits & 0x7C00u) == 0x7C00u) & 0x7F800000u;
  return (F)((U)scaled | high | (bits & 0x8000u) << 16);
}

COPPICE_INLINE F pick(const float* quad, N index) {
  return F{quad[index[0] & 3], quad[index[1] & 3], quad[index[2] & 3], quad[index[3] & 3]};
}

constexpr int token_lanes = lanes;
using S = F;
COPPICE_INLINE S spread_over_tokens(float v) {
  return set(v);
}
COPPICE_INLINE S load_tokens(const float* p) {
  return load(p);
}
COPPICE_INLINE void store_tokens(float* p, S v) {
  store(p, v);
}

struct X {
  N byte[4];
};
COPPICE_INLINE X spread_codes(const int8_t* p) {
  return {{spread(p[0]), spread(p[1]), spread(p[2]), spread(p[3])}};
}
COPPICE_INLINE N dot4(N sum, N w, const X& x) {
  const U u = (U)w;
  return sum + (N)(u & 255u) * x.byte[0] + (N)(u >> 8 & 255u) * x.byte[1] + (N)(u >> 16 & 255u) * x.byte[2] +
         (N)(u >> 24) * x.byte[3];
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
