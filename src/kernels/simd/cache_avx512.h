#pragma once
// What attention reads from caches; see simd/cache_baseline.h for the names.

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

COPPICE_INLINE F load_half(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(p)));
}
COPPICE_INLINE F load_bytes(const int8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p))));
}
COPPICE_INLINE void load_pairs(const uint16_t* p, F& a, F& b) {
  const __m512i w = _mm512_loadu_si512(p);
  a = _mm512_castsi512_ps(_mm512_slli_epi32(w, 16));
  b = _mm512_castsi512_ps(_mm512_and_si512(w, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))));
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
