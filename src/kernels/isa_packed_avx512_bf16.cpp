// Packed kernels: AVX-512 with VNNI and BF16.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512_bf16_packed
#define COPPICE_SIMD_HEADER "kernels/simd/packed_avx512.h"
#define COPPICE_PACKED_TOKENS 8
#define COPPICE_PACKED_VNNI
#define COPPICE_PACKED_BF16

#include "kernels/bodies/packed_table.h"

#endif
