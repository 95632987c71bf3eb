#pragma once
// Activations in the forms that packed weights are multiplied by; packed_kernels.h has the layouts. Every instruction
// set gives the same bits.

#include "kernels/bodies/vectors.h"
#include "kernels/packed_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

inline uint32_t bits_of(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline uint16_t rounded_to_bf16(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
  return static_cast<uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? bits >> 16 | 0x40u : rounded);
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
  uint32_t pairs[group_columns / 2];
  for (int64_t i = 0; i < group_columns / 2; ++i)
    pairs[i] = static_cast<uint32_t>(rounded_to_bf16(x[2 * i])) << 16 | rounded_to_bf16(x[2 * i + 1]);
  for (int64_t quad = 0; quad < group_columns / 4; ++quad)
    __builtin_memcpy(group + (quad * tokens + token) * 8, pairs + 2 * quad, 8);
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
  int8_t codes[group_columns];
  int32_t total = 0, first = 0;
  for (int64_t k = 0; k < group_columns; ++k) {
    const auto code = static_cast<int32_t>(bits_of(x[k] * inverse + magic) - bits_of(magic));
    codes[k] = static_cast<int8_t>(code);
  }
  for (int64_t k = 0; k < group_columns / 2; ++k) first += codes[k];
  for (int64_t k = group_columns / 2; k < group_columns; ++k) total += codes[k];
  total += first;
  const float offset = scale * static_cast<float>(-total);
  const int32_t minus_total = -total, minus_first = -first;
  __builtin_memcpy(group + token * 4, &scale, 4);
  __builtin_memcpy(group + (tokens + token) * 4, &offset, 4);
  __builtin_memcpy(group + (2 * tokens + token) * 4, &minus_total, 4);
  __builtin_memcpy(group + (3 * tokens + token) * 4, &minus_first, 4);
  uint8_t* out = group + 16 * tokens;
  for (int64_t quad = 0; quad < group_columns / 4; ++quad)
    __builtin_memcpy(out + (quad * tokens + token) * 4, codes + 4 * quad, 4);
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
