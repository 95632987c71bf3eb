// Packed kernels: AVX2, FMA and F16C.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx2_packed
#define COPPICE_SIMD_HEADER "kernels/simd/packed_avx2.h"
#define COPPICE_PACKED_TOKENS 3

#include "kernels/bodies/packed_table.h"

#endif
