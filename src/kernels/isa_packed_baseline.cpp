// Packed kernels: the baseline.

#define COPPICE_ISA_NAMESPACE baseline_packed
#define COPPICE_SIMD_HEADER "kernels/simd/packed_baseline.h"
#define COPPICE_PACKED_TOKENS 2

#include "kernels/bodies/packed_table.h"
