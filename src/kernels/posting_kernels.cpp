#include "kernels/posting_kernels.h"

#include "kernels/isa.h"

namespace coppice::kernels {

const PostingKernels& posting_kernels() {
  switch (active_isa()) {
#if defined(__x86_64__)
    case Isa::avx512:
    case Isa::avx512_vnni:
    case Isa::avx512_bf16:
      return avx512::posting_table();
    case Isa::avx2:
      return avx2::posting_table();
#endif
    default:
      return baseline::posting_table();
  }
}

}  // namespace coppice::kernels
