// AVX2 and FMA.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx2
#define COPPICE_SIMD_HEADER "kernels/simd/avx2.h"

#include "kernels/bodies/all.h"

#endif
