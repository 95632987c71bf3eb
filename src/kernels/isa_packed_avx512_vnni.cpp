// Packed kernels: AVX-512 with VNNI.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512_vnni_packed
#define COPPICE_SIMD_HEADER "kernels/simd/packed_avx512.h"
#define COPPICE_PACKED_TOKENS 8
#define COPPICE_PACKED_VNNI

#include "kernels/bodies/packed_table.h"

#endif
