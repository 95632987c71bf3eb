#pragma once
// What the machine can do at best, measured: the ceilings that speeds are compared with.

#include <cstdint>
#include <optional>

namespace coppice::kernels {

// Bytes per second read from memory by `threads` threads, each in one long stream over its share of a buffer
// of `bytes`, in the best of a few passes that together take about `seconds`.
double measure_read_bandwidth(int threads, double seconds, int64_t bytes = int64_t{256} << 20);

// What is multiplied: f32 with the active instruction set; bf16 in pairs (AVX512_BF16) and bytes in fours (AVX512_VNNI)
// with sums of 32 bits, where the processor has it and COPPICE_ISA leaves AVX-512 in use.
enum class Multiplied { f32, bf16, int8 };

// Operations per second; an addition and a multiplication count as two. Nothing where the processor has no such
// instruction.
std::optional<double> measure_peak(Multiplied kind, int threads, double seconds);

}  // namespace coppice::kernels
