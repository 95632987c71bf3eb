#pragma once
// GGUF files made by hand, right or wrong.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace coppice::test {

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string raw_text(std::string_view text) {
  return raw(uint64_t{text.size()}) + std::string(text);
}

// A key whose value is these bytes of this value type.
inline std::string raw_key(std::string_view key, uint32_t type, const std::string& value) {
  return raw_text(key) + raw(type) + value;
}

inline std::string raw_tensor(std::string_view name, std::initializer_list<uint64_t> dimensions,
                              uint32_t type, uint64_t offset) {
  std::string info = raw_text(name) + raw(static_cast<uint32_t>(dimensions.size()));
  for (const uint64_t size : dimensions) info += raw(size);
  return info + raw(type) + raw(offset);
}

inline std::string raw_header(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
  return "GGUF" + raw(version) + raw(tensors) + raw(keys);
}

// Header, keys and tensor infos, filled up to the alignment, and data.
inline std::string raw_gguf(std::string head, const std::string& data, size_t alignment = 32) {
  head.resize((head.size() + alignment - 1) / alignment * alignment, '\0');
  return head + data;
}

}  // namespace coppice::test
