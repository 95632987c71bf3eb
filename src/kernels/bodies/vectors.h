#pragma once
// The vectors of the instruction set that the including isa_*.cpp names, by COPPICE_ISA_NAMESPACE and
// COPPICE_SIMD_HEADER.

#include COPPICE_SIMD_HEADER

// COPPICE_UNROLL before a loop of constant length unrolls it whole, so that its arrays become registers.
#if defined(__clang__)
#define COPPICE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define COPPICE_UNROLL _Pragma("GCC unroll 16")
#endif
