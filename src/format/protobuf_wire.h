#pragma once
// The protocol buffer wire format, as far as our readers need it: fields of a message one by one, every length checked.

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace coppice {

struct WireField {
  uint32_t number = 0;
  int type = 0;            // 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes
  uint64_t value = 0;      // of types 0, 1 and 5
  std::string_view bytes;  // of type 2

  float as_float() const { return std::bit_cast<float>(static_cast<uint32_t>(value)); }
  double as_double() const { return std::bit_cast<double>(value); }
};

class WireReader {
 public:
  // `expected` is what the message is a part of, for Errors; `where` must outlive the reader.
  WireReader(std::string_view message, const std::string& where, const char* expected)
      : rest_(message), where_(where), expected_(expected) {}

  // The next field, nothing at the end; anything malformed is an Error.
  std::optional<WireField> next() {
    if (rest_.empty()) return std::nullopt;
    const uint64_t tag = varint();
    WireField field{.number = static_cast<uint32_t>(tag >> 3), .type = static_cast<int>(tag & 7)};
    if (tag >> 32 != 0 || field.number == 0) fail("a malformed field number");
    switch (field.type) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        field.value = fixed(4);
        break;
      default:
        fail("a field of an unknown type");
    }
    return field;
  }

  [[noreturn]] void fail(const std::string& found) const {
    throw Error({.where = where_, .found = found, .expected = expected_, .advice = perhaps_incomplete});
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) fail("a truncated file");
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    fail("a number of too many bytes");
  }

  std::string_view take(uint64_t size) {
    if (size > rest_.size()) fail("a truncated file");
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  uint64_t fixed(size_t size) {
    const std::string_view bytes = take(size);
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return value;
  }

  std::string_view rest_;
  const std::string& where_;
  const char* expected_;
};

}  // namespace coppice
