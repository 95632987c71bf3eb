#pragma once
// What vectors of int32 need no instructions of their own for, in the compilers' notation. Included by simd/packed_*.h behind
// the vectors of floats.

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

typedef int32_t N __attribute__((vector_size(4 * lanes)));
typedef uint32_t UnsignedN __attribute__((vector_size(4 * lanes)));

COPPICE_INLINE N load_codes(const void* p) {
  N v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
COPPICE_INLINE N spread(int32_t v) {
  return N{} + v;
}
COPPICE_INLINE N shift_left(N v, int bits) {
  return v << bits;
}
COPPICE_INLINE N shift_right(N v, int bits) {
  return (N)((UnsignedN)v >> bits);
}
COPPICE_INLINE N both(N a, N b) {
  return a & b;
}
COPPICE_INLINE N either(N a, N b) {
  return a | b;
}
COPPICE_INLINE F low_half(N v) {
  return (F)(v << 16);
}
COPPICE_INLINE F high_half(N v) {
  return (F)(v & spread(static_cast<int32_t>(0xFFFF0000u)));
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
