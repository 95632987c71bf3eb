// Packed kernels: AVX-512 F, BW, DQ and VL.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512_packed
#define COPPICE_SIMD_HEADER "kernels/simd/packed_avx512.h"
#define COPPICE_PACKED_TOKENS 8

#include "kernels/bodies/packed_table.h"

#endif
