#pragma once
// Which instruction set the kernels use: the best that the processor and the operating system support, or the
// one that COPPICE_ISA=baseline|avx2|avx512|avx512_vnni|avx512_bf16 names. Each has what those before it have. An unknown
// or unsupported one is an Error, never a crash.

#include <vector>

#include "base/fields.h"
#include "kernels/kernels.h"

namespace coppice {

namespace kernels {
enum class Isa { baseline, avx2, avx512, avx512_vnni, avx512_bf16 };
}

template <>
struct EnumNames<kernels::Isa> {
  static constexpr auto values =
      std::to_array<std::pair<kernels::Isa, const char*>>({{kernels::Isa::baseline, "baseline"},
                                                           {kernels::Isa::avx2, "avx2"},
                                                           {kernels::Isa::avx512, "avx512"},
                                                           {kernels::Isa::avx512_vnni, "avx512_vnni"},
                                                           {kernels::Isa::avx512_bf16, "avx512_bf16"}});
};

namespace kernels {

bool is_supported(Isa isa);
// All that this machine can run, from the least to the best.
std::vector<Isa> supported_isas();

// The kernels of one instruction set; an Error if the machine cannot run it.
const Kernels& kernels_for(Isa isa);

// The kernels in use. The first call decides, by COPPICE_ISA if it is set.
const Kernels& active();
Isa active_isa();
// Changes what `active` gives from now on, for tests and measurements.
void use_isa(Isa isa);

}  // namespace kernels
}  // namespace coppice
