// Vector kernels: the baseline.

#define COPPICE_ISA_NAMESPACE baseline_vectors
#define COPPICE_SIMD_HEADER "kernels/simd/baseline.h"

#include "kernels/bodies/vector_table.h"
