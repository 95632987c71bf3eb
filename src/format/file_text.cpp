#include "format/file_text.h"

#include "format/byte_source.h"

namespace coppice {
namespace {

// A packed file may ask for more than the machine has.
constexpr size_t most_unpacked = size_t{8} << 30;

std::string_view text_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

FileText::FileText(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_fifo(path, ignored)) {
    mapped_.emplace(path);
    if (!is_packed(text_of(*mapped_))) return;
    mapped_.reset();
  }
  ByteSource source(path);
  unpacked_ = std::make_unique<const std::string>(read_unpacked(source, most_unpacked));
}

std::string_view FileText::text() const {
  return mapped_ ? text_of(*mapped_) : std::string_view(*unpacked_);
}

}  // namespace coppice
