// The plain bodies, compiled for AVX2.
#if defined(__x86_64__)
#define COPPICE_ISA_NAMESPACE avx2
#include "kernels/postings/scalar.h"

namespace coppice::kernels::avx2 {

const PostingKernels& posting_table() {
  static const PostingKernels table = {
      "avx2",
      unpack_scalar,
      unpack_ascending_scalar,
      add_saturated_scalar,
      add_linear_scalar,
      collect_above_scalar,
  };
  return table;
}

}  // namespace coppice::kernels::avx2

#endif
