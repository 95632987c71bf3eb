#include "format/collection/decode_text.h"

#include <algorithm>
#include <cstdint>

#include "base/strings.h"
#include "format/collection/append_utf8.h"

namespace coppice {
namespace {

constexpr char16_t windows_1252[32] = {0x20AC, 0xFFFD, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                       0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0xFFFD, 0x017D, 0xFFFD,
                                       0xFFFD, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                       0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0xFFFD, 0x017E, 0x0178};

bool mostly_utf8(std::string_view bytes) {
  size_t right = 0, wrong = 0;
  while (!bytes.empty()) {
    const size_t length = utf8_sequence(bytes);
    right += length > 1;
    wrong += length == 0;
    bytes.remove_prefix(std::max<size_t>(1, length));
  }
  return right > wrong;
}

std::string of_utf16(std::string_view bytes, bool big_endian) {
  std::string text;
  const auto unit = [&](size_t i) {
    const auto first = static_cast<uint8_t>(bytes[i]), second = static_cast<uint8_t>(bytes[i + 1]);
    return static_cast<char32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    char32_t c = unit(i);
    if (c >= 0xD800 && c < 0xDC00 && i + 3 < bytes.size() && unit(i + 2) >= 0xDC00 && unit(i + 2) < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(i + 2) - 0xDC00);
      i += 2;
    } else if (c >= 0xD800 && c < 0xE000) {
      c = 0xFFFD;
    }
    append_utf8(text, c == 0 ? ' ' : c);
  }
  return text;
}

}  // namespace

void decode_text(std::string_view bytes, std::string& into) {
  if (is_utf8(bytes)) {
    into.assign(bytes);
  } else {
    const bool damage = mostly_utf8(bytes);
    into.clear();
    while (!bytes.empty()) {
      const size_t length = utf8_sequence(bytes);
      if (length == 0) {
        const auto byte = static_cast<uint8_t>(bytes[0]);
        append_utf8(into, damage ? 0xFFFD : byte < 0xA0 ? windows_1252[byte - 0x80] : byte);
      } else {
        into += bytes.substr(0, length);
      }
      bytes.remove_prefix(std::max<size_t>(1, length));
    }
  }
  std::replace(into.begin(), into.end(), '\0', ' ');
}

std::string decode_file(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE")) return of_utf16(bytes.substr(2), false);
  if (bytes.starts_with("\xFE\xFF")) return of_utf16(bytes.substr(2), true);
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::string text;
  decode_text(bytes, text);
  return text;
}

bool looks_binary(std::string_view begin) {
  return !begin.starts_with("\xFF\xFE") && !begin.starts_with("\xFE\xFF") && begin.find('\0') != begin.npos;
}

}  // namespace coppice
