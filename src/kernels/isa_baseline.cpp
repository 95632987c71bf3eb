// The baseline: 128-bit vectors of the compiler's own kind, for any processor.

#define COPPICE_ISA_NAMESPACE baseline
#define COPPICE_SIMD_HEADER "kernels/simd/baseline.h"

#include "kernels/bodies/all.h"
