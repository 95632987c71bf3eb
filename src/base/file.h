#pragma once
// Files: whole reads, read-only mappings, and writers that replace a file or a directory in one step, so that a kill
// at any moment leaves the old one or the new one.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace coppice {

std::string read_file(const std::filesystem::path& path);

// A read-only view of a file's bytes; movable, unmapped and closed when destroyed. An empty file is an empty view.
class MappedFile {
 public:
  // With `stays_open`, it can be read, too.
  explicit MappedFile(const std::filesystem::path& path, bool stays_open = false);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // Copies some of the bytes without looking at them here, so that no page of the file comes into this process's memory. An
  // Error if the file has become shorter.
  void read(std::span<const std::byte> part, std::byte* out) const;
  // Asks the system to read a part from the disk. False, at little cost, if its ends are in memory already.
  bool read_ahead(std::span<const std::byte> part) const;
  // Gives the memory of pages that were looked at back to the system; who looks again reads them again.
  void release_pages() const;

 private:
  size_t offset_of(std::span<const std::byte> part) const;

  std::string name_;
  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Writes beside `path`; `commit` flushes to disk and renames. Destroyed without commit, it leaves nothing behind.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  void commit();

 private:
  std::filesystem::path path_, partial_;
  int descriptor_ = -1;
};

void write_file(const std::filesystem::path& path, std::string_view text);

// A directory that appears at `path` only when committed. An existing `path` is an Error at construction unless
// `overwrite`, and is then replaced at commit.
class AtomicDirectory {
 public:
  AtomicDirectory(std::filesystem::path path, bool overwrite);
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;
  ~AtomicDirectory();

  // Where to write the files until `commit`.
  const std::filesystem::path& path() const { return partial_; }
  void commit();

 private:
  std::filesystem::path path_, partial_;
  bool committed_ = false;
};

}  // namespace coppice
