#include "base/file.h"

#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"

namespace coppice {
namespace fs = std::filesystem;
namespace {

// Closes on scope exit.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

fs::path partial_name(const fs::path& path) {
  fs::path name = path.lexically_normal();
  if (!name.has_filename()) name = name.parent_path();  // "out/" means "out"
  return name.parent_path() / fmt::format("{}.partial-{}", name.filename().string(), ::getpid());
}

void sync_directory(const fs::path& directory) {
  const Descriptor d{::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (d.value >= 0) ::fsync(d.value);
}

}  // namespace

std::string read_file(const fs::path& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

MappedFile::MappedFile(const fs::path& path, bool stays_open) : name_(path.string()) {
  Descriptor d{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (d.value < 0) throw system_error("open", name_);
  struct stat info {};
  if (::fstat(d.value, &info) != 0) throw system_error("stat", name_);
  if (!S_ISREG(info.st_mode)) throw Error({.where = name_, .found = "not a regular file"});
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, d.value, 0);
  if (mapped == MAP_FAILED) throw system_error("map", name_);
  data_ = static_cast<const std::byte*>(mapped);
  if (stays_open) descriptor_ = std::exchange(d.value, -1);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : name_(std::move(other.name_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

size_t MappedFile::offset_of(std::span<const std::byte> part) const {
  COPPICE_CHECK(part.data() >= data_ && part.data() + part.size() <= data_ + size_, "a part of " + name_);
  COPPICE_CHECK(descriptor_ >= 0, name_ + " was opened to be read");
  return static_cast<size_t>(part.data() - data_);
}

void MappedFile::read(std::span<const std::byte> part, std::byte* out) const {
  size_t offset = offset_of(part);
  const size_t end = offset + part.size();
  while (offset < end) {
    const ssize_t count = ::pread(descriptor_, out, end - offset, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error("read", name_);
    if (count == 0)
      throw Error({.where = name_,
                   .found = fmt::format("an end after {} bytes", offset),
                   .expected = fmt::format("the {} that it had when it was opened", size_),
                   .advice = "leave a model's files alone while it runs"});
    offset += static_cast<size_t>(count);
    out += count;
  }
}

bool MappedFile::read_ahead(std::span<const std::byte> part) const {
  const auto offset = static_cast<off_t>(offset_of(part));
  const auto size = static_cast<off_t>(part.size());
  const auto in_memory = [&](off_t at) {
    char byte = 0;
    const iovec where{&byte, 1};
    return ::preadv2(descriptor_, &where, 1, at, RWF_NOWAIT) == 1;
  };
  if (size == 0 || (in_memory(offset) && in_memory(offset + size - 1))) return false;
  ::posix_fadvise(descriptor_, offset, size, POSIX_FADV_WILLNEED);
  return true;
}

void MappedFile::release_pages() const {
  if (data_ != nullptr) ::madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), partial_(partial_name(path_)) {
  descriptor_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw system_error("create", partial_.string());
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(partial_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("write", partial_.string());
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) throw system_error("flush", partial_.string());
  if (::rename(partial_.c_str(), path_.c_str()) != 0) throw system_error("rename to", path_.string());
  ::close(std::exchange(descriptor_, -1));
  sync_directory(path_.parent_path());
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

AtomicDirectory::AtomicDirectory(fs::path path, bool overwrite)
    : path_(std::move(path)), partial_(partial_name(path_)) {
  if (fs::exists(path_) && !overwrite)
    throw Error({.where = path_.string(),
                 .found = "exists already",
                 .advice = "choose another -o or add --overwrite"});
  std::error_code code;
  fs::remove_all(partial_, code);
  if (!fs::create_directories(partial_, code) || code)
    throw Error(
        {.where = partial_.string(), .found = fmt::format("cannot create directory: {}", code.message())});
}

AtomicDirectory::~AtomicDirectory() {
  if (committed_) return;
  std::error_code ignored;
  fs::remove_all(partial_, ignored);
}

void AtomicDirectory::commit() {
  // rename() replaces only an empty directory, so an existing one is first moved aside.
  const fs::path old = partial_.string() + "-old";
  const bool replaces = fs::exists(path_);
  if (replaces && ::rename(path_.c_str(), old.c_str()) != 0) throw system_error("move aside", path_.string());
  if (::rename(partial_.c_str(), path_.c_str()) != 0) {
    const Error error = system_error("rename to", path_.string());
    if (replaces) ::rename(old.c_str(), path_.c_str());
    throw error;
  }
  committed_ = true;
  sync_directory(path_.parent_path());
  std::error_code ignored;
  if (replaces) fs::remove_all(old, ignored);
}

}  // namespace coppice
