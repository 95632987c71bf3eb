#pragma once
// What the machine can do at best, measured: the ceilings that speeds are compared with.

#include <cstdint>

namespace coppice::kernels {

// Bytes per second read from memory by `threads` threads, each in one long stream over its share of a buffer
// of `bytes`, in the best of a few passes that together take about `seconds`.
double measure_read_bandwidth(int threads, double seconds, int64_t bytes = int64_t{256} << 20);

// Floating-point operations per second of f32 multiply-adds with the active instruction set; an addition and
// a multiplication count as two.
double measure_peak_flops(int threads, double seconds);

}  // namespace coppice::kernels
