#pragma once
// Vectors of eight floats; see simd/baseline.h for the names.

#include <cstdint>

#include <immintrin.h>

#define COPPICE_INLINE static inline __attribute__((always_inline))

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

constexpr int lanes = 8;
using F = __m256;

COPPICE_INLINE F set(float v) {
  return _mm256_set1_ps(v);
}
COPPICE_INLINE F zero() {
  return _mm256_setzero_ps();
}
COPPICE_INLINE F load(const float* p) {
  return _mm256_loadu_ps(p);
}
COPPICE_INLINE F widen(__m128i h) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
COPPICE_INLINE F load(const uint16_t* p) {
  return widen(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)));
}
COPPICE_INLINE __m256i part_mask(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
COPPICE_INLINE F load_part(const float* p, int64_t n) {
  return _mm256_maskload_ps(p, part_mask(n));
}
COPPICE_INLINE F load_part(const uint16_t* p, int64_t n) {
  __m128i h = _mm_setzero_si128();
  __builtin_memcpy(&h, p, static_cast<unsigned long>(n) * sizeof(uint16_t));
  return widen(h);
}
COPPICE_INLINE void store(float* p, F v) {
  _mm256_storeu_ps(p, v);
}
COPPICE_INLINE void store_part(float* p, F v, int64_t n) {
  _mm256_maskstore_ps(p, part_mask(n), v);
}
COPPICE_INLINE F add(F a, F b) {
  return _mm256_add_ps(a, b);
}
COPPICE_INLINE F sub(F a, F b) {
  return _mm256_sub_ps(a, b);
}
COPPICE_INLINE F mul(F a, F b) {
  return _mm256_mul_ps(a, b);
}
COPPICE_INLINE F div(F a, F b) {
  return _mm256_div_ps(a, b);
}
COPPICE_INLINE F fma(F a, F b, F c) {
  return _mm256_fmadd_ps(a, b, c);
}
COPPICE_INLINE F maximum(F a, F b) {
  return _mm256_max_ps(a, b);
}
COPPICE_INLINE F minimum(F a, F b) {
  return _mm256_min_ps(a, b);
}
COPPICE_INLINE F absolute(F a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
COPPICE_INLINE F pow2(F n) {
  return _mm256_castsi256_ps(
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
COPPICE_INLINE float sum(F a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
COPPICE_INLINE float highest(F a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
