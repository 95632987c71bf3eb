// Vector kernels: AVX-512 with VNNI.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512_vnni_vectors
#define COPPICE_SIMD_HEADER "kernels/simd/avx512.h"
#define COPPICE_INT8_VNNI

#include "kernels/bodies/vector_table.h"

#endif
