#pragma once
// Base64 with the standard alphabet (RFC 4648, section 4).

#include <optional>
#include <string>
#include <string_view>

namespace coppice {

// The bytes that `text` stands for; nothing if it is malformed. Padding is required.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace coppice
