#pragma once
// BF16, F16 and F8 as they lie in files. Rounding is to nearest, ties to even; NaN stays NaN.

#include <bit>
#include <cstdint>

namespace coppice {

inline float bf16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

inline uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
    return static_cast<uint16_t>((bits >> 16) | 0x40u);  // keep NaN quiet
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

// E4M3 without infinities (Micikevicius et al. 2022): a sign, four bits of exponent with bias 7, three of mantissa; all
// seven set is NaN.
float f8_e4m3_to_float(uint8_t bits);

float f16_to_float(uint16_t bits);
uint16_t float_to_f16(float value);

}  // namespace coppice
