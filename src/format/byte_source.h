#pragma once
// The bytes of a file in order, unpacked on the way if it is a gzip or a zstd file. What is packed in another way is an
// Error that says how to unpack it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace coppice {

class ByteSource {
 public:
  explicit ByteSource(const std::filesystem::path& path);
  // The same of bytes in memory, which outlive the source; `where` names them in errors.
  ByteSource(std::string_view bytes, std::string where);
  ByteSource(ByteSource&&) noexcept;
  ByteSource& operator=(ByteSource&&) noexcept;
  ~ByteSource();

  // Fills `into` as far as there are bytes; 0 at the end. Errors: a file that is cut short or damaged, once what came
  // before has been read; then the source is at its end.
  size_t read(char* into, size_t size);

  const std::string& where() const;
  // Of the file as it lies on disk.
  uint64_t bytes_read() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All bytes of a file, unpacked; more than `most` are an Error.
std::string read_unpacked(ByteSource& source, size_t most);

// Whether a file that begins so is packed, by gzip or zstd or in a way that ByteSource refuses.
bool is_packed(std::string_view begin);

// The name without .gz or .zst.
std::filesystem::path without_packing(const std::filesystem::path& path);

}  // namespace coppice
