#pragma once
// Loops that do nothing but read, or nothing but multiply and add.

#include "kernels/bodies/vectors.h"
#include "kernels/kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

inline float read_probe(const float* x, int64_t count) {
  constexpr int chains = 8;
  F sums[chains];
  for (int c = 0; c < chains; ++c) sums[c] = zero();
  for (int64_t i = 0; i + chains * lanes <= count; i += chains * lanes) {
    COPPICE_UNROLL
    for (int c = 0; c < chains; ++c) sums[c] = add(sums[c], load(x + i + c * lanes));
  }
  for (int c = 1; c < chains; ++c) sums[0] = add(sums[0], sums[c]);
  return sum(sums[0]);
}

constexpr int probe_chains = 12, probe_steps = 16;

inline float fma_probe(int64_t rounds, float seed) {
  F sums[probe_chains];
  for (int c = 0; c < probe_chains; ++c) sums[c] = set(seed + static_cast<float>(c));
  const F factor = set(1.0f - seed), term = set(seed);
  for (int64_t i = 0; i < rounds; ++i) {
    for (int s = 0; s < probe_steps; ++s) {
      COPPICE_UNROLL
      for (int c = 0; c < probe_chains; ++c) sums[c] = fma(sums[c], factor, term);
    }
  }
  for (int c = 1; c < probe_chains; ++c) sums[0] = add(sums[0], sums[c]);
  return sum(sums[0]);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
