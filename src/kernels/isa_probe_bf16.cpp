#include "kernels/probe_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace coppice::kernels {

float bf16_probe(int64_t rounds, float seed) {
  constexpr int chains = 12, steps = 16;
  __m512 sums[chains];
  for (int c = 0; c < chains; ++c) sums[c] = _mm512_set1_ps(seed + static_cast<float>(c));
  const __m512bh factor = _mm512_cvtne2ps_pbh(_mm512_set1_ps(seed), _mm512_set1_ps(seed));
  for (int64_t i = 0; i < rounds; ++i)
    for (int s = 0; s < steps; ++s) {
#pragma GCC unroll 12
      for (int c = 0; c < chains; ++c) sums[c] = _mm512_dpbf16_ps(sums[c], factor, factor);
    }
  for (int c = 1; c < chains; ++c) sums[0] = _mm512_add_ps(sums[0], sums[c]);
  return _mm512_reduce_add_ps(sums[0]);
}

}  // namespace coppice::kernels
#endif
