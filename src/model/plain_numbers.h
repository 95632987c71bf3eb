#pragma once
// Bits of the numbers of a row of f32, or of f16 or bf16.

#include <cstdint>
#include <cstring>

namespace coppice {

// T is uint32_t or uint16_t.
template <class T>
T number_at(const uint8_t* row, int64_t k) {
  T bits;
  std::memcpy(&bits, row + k * static_cast<int64_t>(sizeof bits), sizeof bits);
  return bits;
}

// Zeros of either sign have nothing set but the sign.
template <class T>
bool is_zero(T bits) {
  return static_cast<T>(bits << 1) == 0;
}

}  // namespace coppice
