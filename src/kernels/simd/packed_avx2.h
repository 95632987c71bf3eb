#pragma once
// See simd/packed_baseline.h. Needs F16C, which every processor with AVX2 has.

#include "kernels/simd/avx2.h"
#include "kernels/simd/packed_vectors.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

COPPICE_INLINE N load_bytes(const uint8_t* p) {
  return (N)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(p)));
}
COPPICE_INLINE N load_bytes(const int8_t* p) {
  return (N)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(p)));
}
COPPICE_INLINE F to_floats(N v) {
  return _mm256_cvtepi32_ps((__m256i)v);
}
COPPICE_INLINE F load_half(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)));
}

COPPICE_INLINE F pick(const float* quad, N index) {
  return _mm256_permutevar_ps(_mm256_broadcast_ps(reinterpret_cast<const __m128*>(quad)), (__m256i)index);
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
  __m256i even, odd;
};
COPPICE_INLINE X spread_codes(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const __m256i v = _mm256_set1_epi32(four);
  return {_mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8), _mm256_srai_epi16(v, 8)};
}
COPPICE_INLINE N dot4(N sum, N w, const X& x) {
  const __m256i even = _mm256_and_si256((__m256i)w, _mm256_set1_epi16(255)),
                odd = _mm256_srli_epi16((__m256i)w, 8);
  return sum + (N)_mm256_madd_epi16(even, x.even) + (N)_mm256_madd_epi16(odd, x.odd);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
