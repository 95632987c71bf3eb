#pragma once
// What attention reads from caches, as vectors of floats. All of simd/cache_*.h define the same names:
//
//   load_half(p)           f16
//   load_bytes(p)          signed bytes
//   load_pairs(p, a, b)    bf16 in pairs: their first elements to a, their second to b

#include <cstdint>

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

typedef int8_t B __attribute__((vector_size(4)));

COPPICE_INLINE F load_half(const uint16_t* p) {
  H h;
  __builtin_memcpy(&h, p, sizeof h);
  const U w = __builtin_convertvector(h, U);
  const F magnitude = (F)((w & 0x7FFFu) << 13) * set(0x1p112f);  // the exponent's other bias
  return (F)((U)magnitude | ((w & 0x8000u) << 16));
}
COPPICE_INLINE F load_bytes(const int8_t* p) {
  B b;
  __builtin_memcpy(&b, p, sizeof b);
  return __builtin_convertvector(b, F);
}
COPPICE_INLINE void load_pairs(const uint16_t* p, F& a, F& b) {
  U w;
  __builtin_memcpy(&w, p, sizeof w);
  a = (F)(w << 16);
  b = (F)(w & 0xFFFF0000u);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
