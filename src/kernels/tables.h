#pragma once
// The table of each translation unit isa_*.cpp.

#include "kernels/kernels.h"

namespace coppice::kernels {

namespace baseline {
const Kernels& table();
}
namespace avx2 {
const Kernels& table();
}
namespace avx512 {
const Kernels& table();
}

}  // namespace coppice::kernels
