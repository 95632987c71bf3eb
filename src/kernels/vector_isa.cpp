#include "kernels/vector_isa.h"

#include <atomic>

#include "kernels/vector_tables.h"

namespace coppice::kernels {
namespace {

std::atomic<const VectorKernels*> forced{nullptr};

const VectorKernels& table_for(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx512_vnni:
    case Isa::avx512_bf16:
      return avx512_vnni_vectors::vector_table();
    case Isa::avx512:
      return avx512_vectors::vector_table();
    case Isa::avx2:
      return avx2_vectors::vector_table();
#endif
    default:
      return baseline_vectors::vector_table();
  }
}

}  // namespace

std::vector<const VectorKernels*> supported_vector_kernels() {
  std::vector<const VectorKernels*> supported = {&baseline_vectors::vector_table()};
#if defined(__x86_64__)
  if (is_supported(Isa::avx2)) supported.push_back(&avx2_vectors::vector_table());
  if (is_supported(Isa::avx512)) supported.push_back(&avx512_vectors::vector_table());
  if (is_supported(Isa::avx512_vnni)) supported.push_back(&avx512_vnni_vectors::vector_table());
#endif
  return supported;
}

const VectorKernels& active_vectors() {
  if (const VectorKernels* kernels = forced.load(std::memory_order_relaxed)) return *kernels;
  return table_for(active_isa());
}

UseVectorKernels::UseVectorKernels(const VectorKernels& kernels) {
  forced.store(&kernels);
}
UseVectorKernels::~UseVectorKernels() {
  forced.store(nullptr);
}

}  // namespace coppice::kernels
