#pragma once
// Vectors of sixteen floats; see simd/baseline.h for the names.

#include <cstdint>

#include <immintrin.h>

#define COPPICE_INLINE static inline __attribute__((always_inline))

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

constexpr int lanes = 16;
using F = __m512;

COPPICE_INLINE F set(float v) {
  return _mm512_set1_ps(v);
}
COPPICE_INLINE F zero() {
  return _mm512_setzero_ps();
}
COPPICE_INLINE F load(const float* p) {
  return _mm512_loadu_ps(p);
}
COPPICE_INLINE F widen(__m256i h) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16));
}
COPPICE_INLINE F load(const uint16_t* p) {
  return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p)));
}
COPPICE_INLINE __mmask16 part_mask(int64_t n) {
  return static_cast<__mmask16>((1u << n) - 1);
}
COPPICE_INLINE F load_part(const float* p, int64_t n) {
  return _mm512_maskz_loadu_ps(part_mask(n), p);
}
COPPICE_INLINE F load_part(const uint16_t* p, int64_t n) {
  return widen(_mm256_maskz_loadu_epi16(part_mask(n), p));
}
COPPICE_INLINE void store(float* p, F v) {
  _mm512_storeu_ps(p, v);
}
COPPICE_INLINE void store_part(float* p, F v, int64_t n) {
  _mm512_mask_storeu_ps(p, part_mask(n), v);
}
COPPICE_INLINE F add(F a, F b) {
  return _mm512_add_ps(a, b);
}
COPPICE_INLINE F sub(F a, F b) {
  return _mm512_sub_ps(a, b);
}
COPPICE_INLINE F mul(F a, F b) {
  return _mm512_mul_ps(a, b);
}
COPPICE_INLINE F div(F a, F b) {
  return _mm512_div_ps(a, b);
}
COPPICE_INLINE F fma(F a, F b, F c) {
  return _mm512_fmadd_ps(a, b, c);
}
COPPICE_INLINE F maximum(F a, F b) {
  return _mm512_max_ps(a, b);
}
COPPICE_INLINE F minimum(F a, F b) {
  return _mm512_min_ps(a, b);
}
COPPICE_INLINE F absolute(F a) {
  return _mm512_abs_ps(a);
}
COPPICE_INLINE F pow2(F n) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23));
}
COPPICE_INLINE float sum(F a) {
  return _mm512_reduce_add_ps(a);
}
COPPICE_INLINE float highest(F a) {
  return _mm512_reduce_max_ps(a);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
