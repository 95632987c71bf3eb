#pragma once
// See simd/packed_baseline.h. With COPPICE_PACKED_VNNI bytes are multiplied by vpdpbusd, with COPPICE_PACKED_BF16 pairs
// of bf16 by vdpbf16ps.

#include "kernels/simd/avx512.h"
#include "kernels/simd/packed_vectors.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

COPPICE_INLINE N load_bytes(const uint8_t* p) {
  return (N)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)));
}
COPPICE_INLINE N load_bytes(const int8_t* p) {
  return (N)_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)));
}
COPPICE_INLINE F to_floats(N v) {
  return _mm512_cvtepi32_ps((__m512i)v);
}
COPPICE_INLINE F load_half(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p)));
}

COPPICE_INLINE F pick(const float* quad, N index) {
  return _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(quad)), (__m512i)index);
}

constexpr int token_lanes = 8;
using S = __m256;
COPPICE_INLINE S spread_over_tokens(float v) {
  return _mm256_set1_ps(v);
}
COPPICE_INLINE S load_tokens(const float* p) {
  return _mm256_loadu_ps(p);
}
COPPICE_INLINE void store_tokens(float* p, S v) {
  _mm256_storeu_ps(p, v);
}
COPPICE_INLINE S fma(S a, S b, S c) {
  return _mm256_fmadd_ps(a, b, c);
}

#if defined(COPPICE_PACKED_VNNI)
using X = N;
COPPICE_INLINE X spread_codes(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return spread(four);
}
COPPICE_INLINE N dot4(N sum, N w, X x) {
  return (N)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)w, (__m512i)x);
}
#else
struct X {
  __m512i even, odd;
};
COPPICE_INLINE X spread_codes(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const __m512i v = _mm512_set1_epi32(four);
  return {_mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8), _mm512_srai_epi16(v, 8)};
}
COPPICE_INLINE N dot4(N sum, N w, const X& x) {
  const __m512i even = _mm512_and_si512((__m512i)w, _mm512_set1_epi16(255)),
                odd = _mm512_srli_epi16((__m512i)w, 8);
  return sum + (N)_mm512_madd_epi16(even, x.even) + (N)_mm512_madd_epi16(odd, x.odd);
}
#endif

#if defined(COPPICE_PACKED_BF16)
COPPICE_INLINE F dot_pairs(F sum, N w, N x) {
  return _mm512_dpbf16_ps(sum, (__m512bh)w, (__m512bh)x);
}
COPPICE_INLINE N pairs_of_quad(const void* quad) {
  int64_t four;
  __builtin_memcpy(&four, quad, sizeof four);
  // Lane 4b + a: element b of the quad below element a. Elements lie with the last bit of their number turned.
  const __m512i bytes = _mm512_set_epi32(0x05040504, 0x07060504, 0x01000504, 0x03020504,  //
                                         0x05040706, 0x07060706, 0x01000706, 0x03020706,  //
                                         0x05040100, 0x07060100, 0x01000100, 0x03020100,  //
                                         0x05040302, 0x07060302, 0x01000302, 0x03020302);
  return (N)_mm512_shuffle_epi8(_mm512_set1_epi64(four), bytes);
}
COPPICE_INLINE N pick_pairs(N pairs, N index) {
  return (N)_mm512_permutexvar_epi32((__m512i)index, (__m512i)pairs);
}
COPPICE_INLINE void weave(const void* first, const void* second, N* pairs) {
  const __m512i a = _mm512_loadu_si512(first), b = _mm512_loadu_si512(second);
  pairs[0] = (N)_mm512_unpacklo_epi16(b, a);
  pairs[1] = (N)_mm512_unpackhi_epi16(b, a);
}
COPPICE_INLINE void unweave(F& low, F& high) {
  const F early = _mm512_shuffle_f32x4(low, high, 0x44), late = _mm512_shuffle_f32x4(low, high, 0xEE);
  low = _mm512_shuffle_f32x4(early, early, 0xD8);
  high = _mm512_shuffle_f32x4(late, late, 0xD8);
}
#endif

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
