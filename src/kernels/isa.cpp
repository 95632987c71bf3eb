#include "kernels/isa.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include "kernels/tables.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace coppice::kernels {
namespace {

// The instruction set in use, or -1 while nobody asked.
std::atomic<int> chosen{-1};

Isa choose() {
  const char* wanted = std::getenv("COPPICE_ISA");
  if (wanted == nullptr || *wanted == '\0') return supported_isas().back();
  const Isa isa = parse_enum<Isa>(wanted, "COPPICE_ISA", Fault::usage);
  kernels_for(isa);
  return isa;
}

#if defined(__x86_64__)
// F16C, for which there is no builtin. Every processor with AVX2 has it.
bool converts_halves() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

}  // namespace

bool is_supported(Isa isa) {
#if defined(__x86_64__)
  // The builtins also ask whether the operating system saves the wide registers.
  switch (isa) {
    case Isa::baseline:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && converts_halves();
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case Isa::avx512_vnni:
      return is_supported(Isa::avx512) && __builtin_cpu_supports("avx512vnni");
    case Isa::avx512_bf16:
      return is_supported(Isa::avx512_vnni) && __builtin_cpu_supports("avx512bf16");
  }
  return false;
#else
  return isa == Isa::baseline;
#endif
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> supported;
  for (const auto& [isa, name] : EnumNames<Isa>::values)
    if (is_supported(isa)) supported.push_back(isa);
  return supported;
}

const Kernels& kernels_for(Isa isa) {
  if (!is_supported(isa)) {
    std::string supported;
    for (const Isa known : supported_isas()) supported += (supported.empty() ? "" : ", ") + to_string(known);
    throw Error({.where = "COPPICE_ISA",
                 .found = fmt::format("'{}', which this processor or operating system does not support",
                                      to_string(isa)),
                 .expected = "one of: " + supported},
                Fault::usage);
  }
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx512:
    case Isa::avx512_vnni:
    case Isa::avx512_bf16:
      return avx512::table();
    case Isa::avx2:
      return avx2::table();
#endif
    default:
      return baseline::table();
  }
}

Isa active_isa() {
  int isa = chosen.load(std::memory_order_relaxed);
  if (isa < 0) {
    isa = static_cast<int>(choose());
    chosen.store(isa, std::memory_order_relaxed);
  }
  return static_cast<Isa>(isa);
}

const Kernels& active() {
  return kernels_for(active_isa());
}

void use_isa(Isa isa) {
  kernels_for(isa);
  chosen.store(static_cast<int>(isa), std::memory_order_relaxed);
}

}  // namespace coppice::kernels
