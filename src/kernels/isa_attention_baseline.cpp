// Kernels of attention: the baseline.

#define COPPICE_ISA_NAMESPACE baseline_attention
#define COPPICE_SIMD_HEADER "kernels/simd/baseline.h"
#define COPPICE_CACHE_HEADER "kernels/simd/cache_baseline.h"

#include "kernels/bodies/attention.h"
