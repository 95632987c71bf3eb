#pragma once
// What attention reads from caches; see simd/cache_baseline.h for the names.

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

COPPICE_INLINE F load_half(const uint16_t* p) {
  const __m256i w = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p)));
  const __m256i bits = _mm256_slli_epi32(_mm256_and_si256(w, _mm256_set1_epi32(0x7FFF)), 13);
  const F magnitude = _mm256_mul_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(0x1p112f));
  const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(w, _mm256_set1_epi32(0x8000)), 16);
  return _mm256_or_ps(magnitude, _mm256_castsi256_ps(sign));
}
COPPICE_INLINE F load_bytes(const int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(p))));
}
COPPICE_INLINE void load_pairs(const uint16_t* p, F& a, F& b) {
  const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p));
  a = _mm256_castsi256_ps(_mm256_slli_epi32(w, 16));
  b = _mm256_castsi256_ps(_mm256_and_si256(w, _mm256_set1_epi32(static_cast<int>(0xFFFF0000u))));
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
