#pragma once
// SHA-256 (FIPS 180-4), to say which file a result was made with.

#include <cstddef>
#include <span>
#include <string>

namespace coppice {

// 64 lower-case hexadecimal digits, as sha256sum prints them.
std::string sha256(std::span<const std::byte> bytes);

}  // namespace coppice
