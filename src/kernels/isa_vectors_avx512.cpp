// Vector kernels: AVX-512 F, BW, DQ and VL.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx512_vectors
#define COPPICE_SIMD_HEADER "kernels/simd/avx512.h"
#define COPPICE_INT8_AVX512

#include "kernels/bodies/vector_table.h"

#endif
