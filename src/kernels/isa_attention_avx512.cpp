// Kernels of attention: AVX-512.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512_attention
#define COPPICE_SIMD_HEADER "kernels/simd/avx512.h"
#define COPPICE_CACHE_HEADER "kernels/simd/cache_avx512.h"

#include "kernels/bodies/attention.h"

#endif
