#pragma once
// Activations in the forms that packed weights are multiplied by; packed_kernels.h has the layouts. Every instruction
// set gives the same bits.

#include "kernels/bodies/vectors.h"
#include "kernels/packed_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

// Half a group; compilers cut it into the vectors that there are.
using Floats16 = float __attribute__((vector_size(64)));
using Words16 = uint32_t __attribute__((vector_size(64)));
using Pairs8 = uint64_t __attribute__((vector_size(64)));
using Words8 = uint32_t __attribute__((vector_size(32)));
using Words4 = uint32_t __attribute__((vector_size(16)));
using Codes16 = int8_t __attribute__((vector_size(16)));

template <class Vector>
COPPICE_INLINE Vector read_vector(const float* x) {
  Vector v;
  __builtin_memcpy(&v, x, sizeof v);
  return v;
}

template <class Half, class Vector>
COPPICE_INLINE Half sum_of_halves(const Vector& v) {
  Half low, high;
  __builtin_memcpy(&low, &v, sizeof low);
  __builtin_memcpy(&high, reinterpret_cast<const uint8_t*>(&v) + sizeof low, sizeof high);
  return low + high;
}

// The upper halves are the nearest bf16, ties to even; NaNs stay NaNs.
COPPICE_INLINE Words16 rounded_to_bf16(Words16 bits) {
  const Words16 is_nan = (Words16)((bits & 0x7FFFFFFFu) > 0x7F800000u);
  return (is_nan & (bits | 0x400000u)) | (~is_nan & (bits + 0x7FFFu + (bits >> 16 & 1u)));
}

inline void pack_f32(const float* x, int64_t token, int64_t tokens, uint8_t* group) {
  for (int64_t quad = 0; quad < group_columns / 4; ++quad)
    __builtin_memcpy(group + (quad * tokens + token) * 16, x + 4 * quad, 16);
}

inline void pack_f32_columns(const float* x, int64_t token, int64_t tokens, uint8_t* group) {
  for (int64_t k = 0; k < group_columns; ++k)
    __builtin_memcpy(group + (k * tokens + token) * 4, x + k, sizeof *x);
}

inline void pack_bf16(const float* x, int64_t token, int64_t tokens, uint8_t* group) {
  for (int64_t half = 0; half < 2; ++half) {
    const auto pairs = (Pairs8)(rounded_to_bf16(read_vector<Words16>(x + 16 * half)) & 0xFFFF0000u);
    const Words8 turned = __builtin_convertvector(pairs | pairs >> 48, Words8);
    for (int64_t quad = 0; quad < 4; ++quad)
      __builtin_memcpy(group + ((4 * half + quad) * tokens + token) * 8,
                       reinterpret_cast<const uint8_t*>(&turned) + 8 * quad, 8);
  }
}

inline void pack_int8(const float* x, int64_t token, int64_t tokens, uint8_t* group) {
  // What is not finite is found by x - x, which then is NaN, and makes the scale NaN and with it the outputs.
  F high = zero(), odd = zero();
  for (int64_t k = 0; k < group_columns; k += lanes) {
    const F v = load(x + k);
    high = maximum(high, absolute(v));
    odd = add(odd, sub(v, v));
  }
  const float largest = highest(high), not_finite = sum(odd);
  const float scale = largest / 127.0f + not_finite;
  const float inverse = largest > 1e-36f ? 127.0f / largest : 0.0f;
  // Adding 1.5 * 2^23 rounds to the nearest whole number, which then lies in the lowest bits.
  constexpr float magic = 12582912.0f;
  const auto magic_bits = (Words16)(Floats16{} + magic);
  int32_t sums[2];
  uint8_t* out = group + 16 * tokens;
  for (int64_t half = 0; half < 2; ++half) {
    const Floats16 scaled = read_vector<Floats16>(x + 16 * half) * inverse + magic;
    const auto whole = (Words16)scaled - magic_bits;
    const Codes16 codes = __builtin_convertvector(whole, Codes16);
    const auto four = sum_of_halves<Words4>(sum_of_halves<Words8>(whole));
    sums[half] = static_cast<int32_t>(four[0] + four[1] + four[2] + four[3]);
    for (int64_t quad = 0; quad < 4; ++quad)
      __builtin_memcpy(out + ((4 * half + quad) * tokens + token) * 4,
                       reinterpret_cast<const uint8_t*>(&codes) + 4 * quad, 4);
  }
  const int32_t first = sums[0], total = sums[0] + sums[1];
  const float offset = scale * static_cast<float>(-total);
  const int32_t minus_total = -total, minus_first = -first;
  __builtin_memcpy(group + token * 4, &scale, 4);
  __builtin_memcpy(group + (tokens + token) * 4, &offset, 4);
  __builtin_memcpy(group + (2 * tokens + token) * 4, &minus_total, 4);
  __builtin_memcpy(group + (3 * tokens + token) * 4, &minus_first, 4);
}

inline void pack_rows(RowsType type, const float* const* x, int64_t tokens, int64_t columns, void* tile) {
  auto* group = static_cast<uint8_t*>(tile);
  void (*pack)(const float*, int64_t, int64_t, uint8_t*) = pack_f32;
  int64_t step = tokens * 128;
  switch (type) {
    case RowsType::f32:
      break;
    case RowsType::f32_columns:
      pack = pack_f32_columns;
      break;
    case RowsType::bf16:
      pack = pack_bf16;
      step = tokens * 64;
      break;
    case RowsType::int8:
      pack = pack_int8;
      step = tokens * 48;
      break;
  }
  for (int64_t k = 0; k < columns; k += group_columns, group += step)
    for (int64_t t = 0; t < tokens; ++t) {
      if (columns - k >= group_columns) {
        pack(x[t] + k, t, tokens, group);
        continue;
      }
      float part[group_columns] = {};
      __builtin_memcpy(part, x[t] + k, static_cast<unsigned long>(columns - k) * sizeof(float));
      pack(part, t, tokens, group);
    }
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
