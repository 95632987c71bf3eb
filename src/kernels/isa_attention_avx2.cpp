// Kernels of attention: AVX2 with FMA.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx2_attention
#define COPPICE_SIMD_HEADER "kernels/simd/avx2.h"
#define COPPICE_CACHE_HEADER "kernels/simd/cache_avx2.h"

#include "kernels/bodies/attention.h"

#endif
