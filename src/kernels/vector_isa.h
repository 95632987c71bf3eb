#pragma once
// Which table of vector kernels is in use: that of the instruction set in isa.h.

#include <vector>

#include "kernels/isa.h"
#include "kernels/vector_kernels.h"

namespace coppice::kernels {

// All tables that this machine can run, from the least to the best.
std::vector<const VectorKernels*> supported_vector_kernels();

// The table in use; follows use_isa.
const VectorKernels& active_vectors();

// While one lives, active_vectors gives `kernels`, for tests and measurements.
class UseVectorKernels {
 public:
  explicit UseVectorKernels(const VectorKernels& kernels);
  ~UseVectorKernels();
  UseVectorKernels(const UseVectorKernels&) = delete;
  UseVectorKernels& operator=(const UseVectorKernels&) = delete;
};

}  // namespace coppice::kernels
