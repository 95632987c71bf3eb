#include "kernels/probe_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace coppice::kernels {

float int8_probe(int64_t rounds, float seed) {
  constexpr int chains = 12, steps = 16;
  __m512i sums[chains];
  for (int c = 0; c < chains; ++c) sums[c] = _mm512_set1_epi32(c);
  const __m512i factor = _mm512_set1_epi32(static_cast<int>(seed * 256) + 0x01020304);
  for (int64_t i = 0; i < rounds; ++i)
    for (int s = 0; s < steps; ++s) {
#pragma GCC unroll 12
      for (int c = 0; c < chains; ++c) sums[c] = _mm512_dpbusd_epi32(sums[c], factor, factor);
    }
  for (int c = 1; c < chains; ++c) sums[0] = _mm512_add_epi32(sums[0], sums[c]);
  return static_cast<float>(_mm512_reduce_add_epi32(sums[0]));
}

}  // namespace coppice::kernels
#endif
