// The plain bodies, compiled for the baseline.
#define COPPICE_ISA_NAMESPACE baseline
#include "kernels/postings/scalar.h"

namespace coppice::kernels::baseline {

const PostingKernels& posting_table() {
  static const PostingKernels table = {
      "baseline",           unpack_scalar,     unpack_ascending_scalar,
      add_saturated_scalar, add_linear_scalar, collect_above_scalar,
  };
  return table;
}

}  // namespace coppice::kernels::baseline
