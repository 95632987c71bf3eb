#pragma once
// The table of each translation unit isa_vectors_*.cpp.

#include "kernels/vector_kernels.h"

namespace coppice::kernels {

namespace baseline_vectors {
const VectorKernels& vector_table();
}
namespace avx2_vectors {
const VectorKernels& vector_table();
}
namespace avx512_vectors {
const VectorKernels& vector_table();
}
namespace avx512_vnni_vectors {
const VectorKernels& vector_table();
}

}  // namespace coppice::kernels
