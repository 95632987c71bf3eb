#pragma once
// What a hub says of a file's content, and whether a file on disk has it.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace coppice {

// Either of the two may be empty. A hub gives `sha256` for files in Git LFS and `git_blob` for the others.
struct ContentDigest {
  std::string sha256;    // 64 lower-case hexadecimal digits
  std::string git_blob;  // 40: SHA-1 of "blob <size>\0" and the content, as `git hash-object` prints it
};

std::string git_blob_id(std::span<const std::byte> content);

// What is wrong, in words ("SHA-256 … instead of …"); empty if the file has the content, or nothing is known
// of it.
std::string mismatch(const std::filesystem::path& file, const ContentDigest& digest);

// True for `digits` lower-case hexadecimal digits.
bool is_hexadecimal(std::string_view text, size_t digits);

}  // namespace coppice
