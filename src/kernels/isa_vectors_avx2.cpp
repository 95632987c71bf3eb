// Vector kernels: AVX2 and FMA.
#if defined(__x86_64__)

#define COPPICE_ISA_NAMESPACE avx2_vectors
#define COPPICE_SIMD_HEADER "kernels/simd/avx2.h"
#define COPPICE_INT8_AVX2

#include "kernels/bodies/vector_table.h"

#endif
