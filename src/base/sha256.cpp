#include "base/sha256.h"

#include <array>

#include <openssl/evp.h>

#include "base/error.h"

namespace coppice {

std::string sha256(std::span<const std::byte> bytes) {
  std::array<unsigned char, 32> digest{};
  const int done = EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  COPPICE_CHECK(done == 1, "OpenSSL has SHA-256");
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace coppice
