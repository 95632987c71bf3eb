#pragma once
// See simd/packed_baseline.h. Needs F16C, which every processor with AVX2 has.

#include "kernels/simd/avx2.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

using N = __m256i;

COPPICE_INLINE N load_codes(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i_u*>(p));
}
COPPICE_INLINE N load_bytes(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(p)));
}
COPPICE_INLINE N load_bytes(const int8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(p)));
}
COPPICE_INLINE N spread(int32_t v) {
  return _mm256_set1_epi32(v);
}
COPPICE_INLINE N shift_left(N v, int bits) {
  return _mm256_slli_epi32(v, bits);
}
COPPICE_INLINE N shift_right(N v, int bits) {
  return _mm256_srli_epi32(v, bits);
}
COPPICE_INLINE N both(N a, N b) {
  return _mm256_and_si256(a, b);
}
COPPICE_INLINE N either(N a, N b) {
  return _mm256_or_si256(a, b);
}
COPPICE_INLINE F to_floats(N v) {
  return _mm256_cvtepi32_ps(v);
}
COPPICE_INLINE F low_half(N v) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16));
}
COPPICE_INLINE F high_half(N v) {
  return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xFFFF0000u))));
}
COPPICE_INLINE F load_half(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)));
}

COPPICE_INLINE F pick(const float* quad, N index) {
  return _mm256_permutevar_ps(_mm256_broadcast_ps(reinterpret_cast<const __m128*>(quad)), index);
}

constexpr int token_lanes = 4;
using S = __m128;
COPPICE_INLINE S spread_over_tokens(float v) {
  return _mm_set1_ps(v);
}
COPPICE_INLINE S load_tokens(const float* p) {
  return _mm_loadu_ps(p);
}
COPPICE_INLINE void store_tokens(float* p, S v) {
  _mm_storeu_ps(p, v);
}
COPPICE_INLINE S fma(S a, S b, S c) {
  return _mm_fmadd_ps(a, b, c);
}

// Bytes 0 and 2, and 1 and 3, as pairs of int16: vpmaddubsw would saturate where codes reach 255.
struct X {
  N even, odd;
};
COPPICE_INLINE X spread_codes(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const N v = _mm256_set1_epi32(four);
  return {_mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8), _mm256_srai_epi16(v, 8)};
}
COPPICE_INLINE N dot4(N sum, N w, const X& x) {
  const N even = _mm256_and_si256(w, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(w, 8);
  return _mm256_add_epi32(_mm256_add_epi32(sum, _mm256_madd_epi16(even, x.even)),
                          _mm256_madd_epi16(odd, x.odd));
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
