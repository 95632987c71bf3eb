// AVX-512 F, BW, DQ and VL.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512
#define COPPICE_SIMD_HEADER "kernels/simd/avx512.h"

#include "kernels/bodies/all.h"

#endif
