#pragma once
// Whole numbers in as few bytes as they need: seven bits a byte, low bits first, the high bit set on all but the last
// (LEB128).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace coppice {

inline void append_varint(std::vector<uint8_t>& bytes, uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes.push_back(static_cast<uint8_t>(number | 0x80));
  bytes.push_back(static_cast<uint8_t>(number));
}

// The number at `at`, which moves behind it; nothing if it is cut short or does not fit into 64 bits.
inline std::optional<uint64_t> read_varint(std::span<const uint8_t> bytes, size_t& at) {
  uint64_t number = 0;
  for (int shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    const uint8_t byte = bytes[at++];
    if (shift == 63 && byte > 1) return std::nullopt;
    number |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

}  // namespace coppice
