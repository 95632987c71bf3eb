#pragma once
// Vectors of four floats in the compilers' own notation. All of simd/*.h define the same names:
//
//   F, lanes           a vector of floats and their number
//   load, load_part    from floats or bf16, unaligned; `part` reads only the first n < lanes and fills with
//   zeros fma(a, b, c)       a * b + c (fused where the instruction set has it) maximum(a, b)      b if
//   either is NaN, as is minimum pow2(n)            2^n for whole n within [-126, 127] sum, highest over the
//   lanes, in a fixed order

#include <cstdint>

#define COPPICE_INLINE static inline __attribute__((always_inline))

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

constexpr int lanes = 4;
typedef float F __attribute__((vector_size(16)));
typedef int32_t I __attribute__((vector_size(16)));
typedef uint32_t U __attribute__((vector_size(16)));
typedef uint16_t H __attribute__((vector_size(8)));

COPPICE_INLINE F set(float v) {
  return F{v, v, v, v};
}
COPPICE_INLINE F zero() {
  return set(0);
}
COPPICE_INLINE F load(const float* p) {
  F v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
COPPICE_INLINE F load(const uint16_t* p) {
  H h;
  __builtin_memcpy(&h, p, sizeof h);
  return (F)(__builtin_convertvector(h, U) << 16);
}
COPPICE_INLINE F load_part(const float* p, int64_t n) {
  F v = zero();
  __builtin_memcpy(&v, p, static_cast<unsigned long>(n) * sizeof(float));
  return v;
}
COPPICE_INLINE F load_part(const uint16_t* p, int64_t n) {
  H h = {0, 0, 0, 0};
  __builtin_memcpy(&h, p, static_cast<unsigned long>(n) * sizeof(uint16_t));
  return (F)(__builtin_convertvector(h, U) << 16);
}
COPPICE_INLINE void store(float* p, F v) {
  __builtin_memcpy(p, &v, sizeof v);
}
COPPICE_INLINE void store_part(float* p, F v, int64_t n) {
  __builtin_memcpy(p, &v, static_cast<unsigned long>(n) * sizeof(float));
}
COPPICE_INLINE F add(F a, F b) {
  return a + b;
}
COPPICE_INLINE F sub(F a, F b) {
  return a - b;
}
COPPICE_INLINE F mul(F a, F b) {
  return a * b;
}
COPPICE_INLINE F div(F a, F b) {
  return a / b;
}
COPPICE_INLINE F fma(F a, F b, F c) {
  return a * b + c;
}
COPPICE_INLINE F maximum(F a, F b) {
  return a > b ? a : b;
}
COPPICE_INLINE F minimum(F a, F b) {
  return a < b ? a : b;
}
COPPICE_INLINE F absolute(F a) {
  return (F)((U)a & U{0x7FFFFFFFu, 0x7FFFFFFFu, 0x7FFFFFFFu, 0x7FFFFFFFu});
}
COPPICE_INLINE F pow2(F n) {
  return (F)((__builtin_convertvector(n, I) + 127) << 23);
}
COPPICE_INLINE float sum(F a) {
  return (a[0] + a[2]) + (a[1] + a[3]);
}
COPPICE_INLINE float highest(F a) {
  const float x = a[0] > a[2] ? a[0] : a[2], y = a[1] > a[3] ? a[1] : a[3];
  return x > y ? x : y;
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
