#pragma once
// Products of bytes, exact in int32. The including file chooses by COPPICE_INT8_* how bytes are multiplied: with VNNI,
// a row's bytes are shifted to unsigned by 128, which adds 128 times the query's sum; elsewhere bytes are widened to 16
// bits, because the instruction that multiplies bytes before VNNI (maddubs) saturates.

#include "kernels/bodies/vectors.h"
#include "kernels/vector_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

#if defined(COPPICE_INT8_VNNI)

constexpr int64_t bytes_at_once = 64;
using Bytes = __m512i;
using Sums = __m512i;
COPPICE_INLINE Bytes load_bytes(const int8_t* p, int64_t n) {
  const __mmask64 mask = n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
  return _mm512_maskz_loadu_epi8(mask, p);
}
COPPICE_INLINE Sums no_sums() {
  return _mm512_setzero_si512();
}
COPPICE_INLINE Sums multiply(Bytes query, Bytes row, Sums sums) {
  return _mm512_dpbusd_epi32(sums, _mm512_xor_si512(row, _mm512_set1_epi8(-128)), query);
}
COPPICE_INLINE int32_t total(Sums sums) {
  return _mm512_reduce_add_epi32(sums);
}
COPPICE_INLINE int32_t excess(const int8_t* query, int64_t dim) {
  Sums sums = no_sums();
  for (int64_t d = 0; d < dim; d += bytes_at_once)
    sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), load_bytes(query + d, dim - d));
  return 128 * total(sums);
}

#elif defined(COPPICE_INT8_AVX512)

constexpr int64_t bytes_at_once = 32;
using Bytes = __m512i;
using Sums = __m512i;
COPPICE_INLINE Bytes load_bytes(const int8_t* p, int64_t n) {
  const __mmask32 mask = n >= 32 ? ~__mmask32{0} : (__mmask32{1} << n) - 1;
  return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(mask, p));
}
COPPICE_INLINE Sums no_sums() {
  return _mm512_setzero_si512();
}
COPPICE_INLINE Sums multiply(Bytes query, Bytes row, Sums sums) {
  return _mm512_add_epi32(sums, _mm512_madd_epi16(query, row));
}
COPPICE_INLINE int32_t total(Sums sums) {
  return _mm512_reduce_add_epi32(sums);
}
COPPICE_INLINE int32_t excess(const int8_t*, int64_t) {
  return 0;
}

#elif defined(COPPICE_INT8_AVX2)

constexpr int64_t bytes_at_once = 16;
using Bytes = __m256i;
using Sums = __m256i;
COPPICE_INLINE Bytes load_bytes(const int8_t* p, int64_t n) {
  __m128i bytes = _mm_setzero_si128();
  if (n >= 16)
    bytes = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(p));
  else
    __builtin_memcpy(&bytes, p, static_cast<unsigned long>(n));
  return _mm256_cvtepi8_epi16(bytes);
}
COPPICE_INLINE Sums no_sums() {
  return _mm256_setzero_si256();
}
COPPICE_INLINE Sums multiply(Bytes query, Bytes row, Sums sums) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(query, row));
}
COPPICE_INLINE int32_t total(Sums sums) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
  return _mm_cvtsi128_si32(half);
}
COPPICE_INLINE int32_t excess(const int8_t*, int64_t) {
  return 0;
}

#endif

#if defined(COPPICE_INT8_VNNI) || defined(COPPICE_INT8_AVX512) || defined(COPPICE_INT8_AVX2)

template <int rows>
COPPICE_INLINE void int8_tile(const RowsArguments& a, const int8_t* query, int32_t too_much, int64_t first,
                              int32_t* scores) {
  const int8_t* r[rows];
  Sums sums[rows];
  COPPICE_UNROLL
  for (int j = 0; j < rows; ++j) {
    const int64_t row = a.row_ids != nullptr ? static_cast<int64_t>(a.row_ids[first + j]) : first + j;
    r[j] = static_cast<const int8_t*>(a.rows) + row * a.row_stride;
    sums[j] = no_sums();
  }
  const int64_t whole = a.dim - a.dim % bytes_at_once;
  for (int64_t d = 0; d < whole; d += bytes_at_once) {
    const Bytes x = load_bytes(query + d, bytes_at_once);
    COPPICE_UNROLL
    for (int j = 0; j < rows; ++j) sums[j] = multiply(x, load_bytes(r[j] + d, bytes_at_once), sums[j]);
  }
  if (const int64_t rest = a.dim - whole; rest > 0) {
    const Bytes x = load_bytes(query + whole, rest);
    COPPICE_UNROLL
    for (int j = 0; j < rows; ++j) sums[j] = multiply(x, load_bytes(r[j] + whole, rest), sums[j]);
  }
  COPPICE_UNROLL
  for (int j = 0; j < rows; ++j) scores[first + j] = total(sums[j]) - too_much;
}

inline void dot_int8(const RowsArguments& a) {
  for (int64_t q = 0; q < a.query_count; ++q) {
    const int8_t* query = static_cast<const int8_t*>(a.queries) + q * a.query_stride;
    int32_t* scores = static_cast<int32_t*>(a.scores) + q * a.score_stride;
    const int32_t too_much = excess(query, a.dim);
    int64_t r = 0;
    for (; r + 8 <= a.row_count; r += 8) int8_tile<8>(a, query, too_much, r, scores);
    for (; r + 2 <= a.row_count; r += 2) int8_tile<2>(a, query, too_much, r, scores);
    for (; r < a.row_count; ++r) int8_tile<1>(a, query, too_much, r, scores);
  }
}

#else

inline void dot_int8(const RowsArguments& a) {
  for (int64_t q = 0; q < a.query_count; ++q)
    for (int64_t i = 0; i < a.row_count; ++i) {
      const int8_t* x = static_cast<const int8_t*>(a.queries) + q * a.query_stride;
      const int64_t row = a.row_ids != nullptr ? static_cast<int64_t>(a.row_ids[i]) : i;
      const int8_t* y = static_cast<const int8_t*>(a.rows) + row * a.row_stride;
      int32_t total = 0;
      for (int64_t d = 0; d < a.dim; ++d) total += int32_t{x[d]} * int32_t{y[d]};
      static_cast<int32_t*>(a.scores)[q * a.score_stride + i] = total;
    }
}

#endif

inline void scale_int8(const int32_t* dots, const float* scale, const float* error, const float* norm,
                       int64_t count, const float* query, float* approximate, float* slack) {
  const float query_scale = query[0], query_norm = query[1], query_error = query[2];
  for (int64_t i = 0; i < count; ++i) {
    approximate[i] = static_cast<float>(dots[i]) * (scale[i] * query_scale);
    slack[i] = error[i] * query_norm + norm[i] * query_error;
  }
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
