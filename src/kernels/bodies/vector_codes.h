#pragma once
// Codes of quantized vectors: residuals of 1, 2 or 4 bits, and sums of looked-up products.

#include "kernels/bodies/vectors.h"
#include "kernels/vector_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

inline void decode_residual(const float* base, const uint8_t* codes, int bits, const float* weights,
                            int64_t dim, float* y) {
  int64_t d = 0;
#if defined(__AVX512F__)
  // Sixteen codes at a time: bits of one word shifted apart, then looked up in a register.
  const __m512 table = _mm512_loadu_ps(weights);
  const __m512i mask = _mm512_set1_epi32((1 << bits) - 1);
  const __m512i steps = _mm512_mullo_epi32(
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), _mm512_set1_epi32(bits));
  if (bits == 4) {
    const __m512i in_half = _mm512_and_si512(steps, _mm512_set1_epi32(31));
    for (; d + 16 <= dim; d += 16) {
      int32_t words[2];
      __builtin_memcpy(words, codes + d / 2, sizeof words);
      const __m512i halves =
          _mm512_mask_set1_epi32(_mm512_set1_epi32(words[0]), static_cast<__mmask16>(0xFF00), words[1]);
      const __m512i code = _mm512_and_si512(_mm512_srlv_epi32(halves, in_half), mask);
      store(y + d, add(load(base + d), _mm512_permutexvar_ps(code, table)));
    }
  } else {
    for (; d + 16 <= dim; d += 16) {
      uint32_t word = 0;
      __builtin_memcpy(&word, codes + d * bits / 8, static_cast<unsigned long>(2 * bits));
      const __m512i code =
          _mm512_and_si512(_mm512_srlv_epi32(_mm512_set1_epi32(static_cast<int>(word)), steps), mask);
      store(y + d, add(load(base + d), _mm512_permutexvar_ps(code, table)));
    }
  }
#endif
  const int in_byte = 8 / bits;
  for (; d < dim; ++d)
    y[d] =
        base[d] + weights[(codes[d / in_byte] >> (static_cast<int>(d % in_byte) * bits)) & ((1 << bits) - 1)];
}

inline void sum_lookups(const float* table, const uint8_t* codes, int64_t subquantizers, int64_t count,
                        float* sums) {
  int64_t i = 0;
  // Four at a time hide the latency of the additions.
  for (; i + 4 <= count; i += 4) {
    const uint8_t* c = codes + i * subquantizers;
    float a = 0, b = 0, e = 0, f = 0;
    for (int64_t s = 0; s < subquantizers; ++s) {
      const float* row = table + 256 * s;
      a += row[c[s]];
      b += row[c[subquantizers + s]];
      e += row[c[2 * subquantizers + s]];
      f += row[c[3 * subquantizers + s]];
    }
    sums[i] = a;
    sums[i + 1] = b;
    sums[i + 2] = e;
    sums[i + 3] = f;
  }
  for (; i < count; ++i) {
    float total = 0;
    for (int64_t s = 0; s < subquantizers; ++s) total += table[256 * s + codes[i * subquantizers + s]];
    sums[i] = total;
  }
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
