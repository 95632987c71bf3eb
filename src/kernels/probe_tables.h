#pragma once
// Chains of products of the instructions that only some processors have; see probe.h. Included by files that are built
// for them, so that there are no inline functions here.

#include <cstdint>

namespace coppice::kernels {

// Runs `rounds` times `peak_probe_operations` operations.
float bf16_probe(int64_t rounds, float seed);
float int8_probe(int64_t rounds, float seed);

// Twelve chains, sixteen steps, of 16 sums of two (bf16) or four (int8) products; a product and an addition count as two.
constexpr int64_t bf16_probe_operations = 12 * 16 * 16 * 2 * 2;
constexpr int64_t int8_probe_operations = 12 * 16 * 16 * 4 * 2;

}  // namespace coppice::kernels
