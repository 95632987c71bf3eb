#pragma once
// Document lengths in one byte, as Lucene keeps them: exact up to 39, then with four significant bits. Scores are
// computed from the decoded length, so they equal Lucene's; the exact total is kept for the average.

#include <bit>
#include <cstdint>

namespace coppice {

// Lengths below this are codes of themselves; what follows has a three-bit mantissa with an implied leading bit.
inline constexpr uint32_t exact_lengths = 24;

inline uint8_t encode_length(uint32_t length) {
  if (length < exact_lengths) return static_cast<uint8_t>(length);
  const uint32_t rest = length - exact_lengths;
  if (rest < 8) return static_cast<uint8_t>(exact_lengths + rest);
  const uint32_t shift = static_cast<uint32_t>(std::bit_width(rest)) - 4;
  return static_cast<uint8_t>(exact_lengths + ((shift + 1) << 3 | (rest >> shift & 7)));
}

inline uint32_t decode_length(uint8_t code) {
  if (code < exact_lengths) return code;
  const uint32_t rest = code - exact_lengths, mantissa = rest & 7, exponent = rest >> 3;
  if (exponent == 0) return exact_lengths + mantissa;
  return exact_lengths + ((mantissa | 8) << (exponent - 1));
}

}  // namespace coppice
