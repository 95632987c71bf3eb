#pragma once
// Words and numbers of lines as the readers of TREC files see them.

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace coppice::trec {

inline bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// The first blank at or after `at`, or `end`. Eight bytes at a time: blanks are among the bytes below 0x21.
inline const char* find_blank(const char* at, const char* end) {
  constexpr uint64_t ones = 0x0101010101010101ULL;
  if constexpr (std::endian::native == std::endian::little) {
    while (end - at >= 8) {
      uint64_t bytes;
      std::memcpy(&bytes, at, 8);
      const uint64_t low = (bytes - 0x21 * ones) & ~bytes & 0x80 * ones;  // exact up to its lowest bit
      if (low == 0) {
        at += 8;
        continue;
      }
      at += std::countr_zero(low) / 8;
      if (is_blank(*at)) return at;
      ++at;  // a control character
    }
  }
  while (at != end && !is_blank(*at)) ++at;
  return at;
}

// The next word of the line that ends at `end`; empty if there is none. Moves `at` behind it.
inline std::string_view next_word(const char*& at, const char* end) {
  while (at != end && is_blank(*at)) ++at;
  const char* begin = at;
  at = find_blank(at, end);
  return {begin, static_cast<size_t>(at - begin)};
}

// A whole word as a number; infinite ones too.
inline std::optional<double> to_number(std::string_view word) {
  if (word.size() > 1 && word.front() == '+' && word[1] != '-') word.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size() || word.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::strtod(std::string(word).c_str(), nullptr);
  if (error != std::errc() || std::isnan(value)) return std::nullopt;
  return value;
}

}  // namespace coppice::trec
