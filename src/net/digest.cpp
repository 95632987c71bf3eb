#include "net/digest.h"

#include <algorithm>
#include <array>
#include <memory>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

namespace coppice {

std::string git_blob_id(std::span<const std::byte> content) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const std::string head = fmt::format("blob {}", content.size());
  std::array<unsigned char, 20> digest{};
  const bool done = EVP_DigestInit_ex(context.get(), EVP_sha1(), nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), head.c_str(), head.size() + 1) == 1 &&
                    EVP_DigestUpdate(context.get(), content.data(), content.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  COPPICE_CHECK(done, "OpenSSL has SHA-1");
  std::string text;
  for (const unsigned char byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

std::string mismatch(const std::filesystem::path& path, const ContentDigest& digest) {
  const bool long_one = !digest.sha256.empty();
  const std::string& wanted = long_one ? digest.sha256 : digest.git_blob;
  if (wanted.empty()) return "";
  const MappedFile file(path);
  const std::string found = long_one ? sha256(file.bytes()) : git_blob_id(file.bytes());
  if (found == wanted) return "";
  return fmt::format("{} {} instead of {}", long_one ? "SHA-256" : "git blob id", found, wanted);
}

bool is_hexadecimal(std::string_view text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace coppice
