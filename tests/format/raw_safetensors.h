#pragma once
// Safetensors files made by hand, right or wrong.

#include <cstdint>
#include <span>
#include <string>

namespace coppice::test {

// A file of this header text and these data bytes; `length` in place of the header's true length, if given.
inline std::string raw_safetensors(const std::string& header, const std::string& data, int64_t length = -1) {
  const auto stated = length >= 0 ? static_cast<uint64_t>(length) : header.size();
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(stated >> (8 * i) & 0xFF);
  return file + header + data;
}

// A header entry, without braces around the whole.
inline std::string raw_entry(const std::string& name, const std::string& dtype, const std::string& shape,
                             int64_t begin, int64_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace coppice::test
