#include "model/stored_rows.h"

#include <bit>

namespace coppice {

std::span<const std::byte> RowRoom::read(const MappedFile& file, std::span<const std::byte> part) {
  constexpr size_t page = 4096;
  if (size_ < part.size() + 2 * page) {
    size_ = part.size() + 2 * page;
    memory_ = std::make_unique_for_overwrite<std::byte[]>(size_);
  }
  const auto offset_in_page = [](const std::byte* at) { return std::bit_cast<uintptr_t>(at) % page; };
  std::byte* begin =
      memory_.get() + (page + offset_in_page(part.data()) - offset_in_page(memory_.get())) % page;
  file.read(part, begin);
  return {begin, part.size()};
}

int64_t StoredRows::row_bytes() const {
  const GgmlTypeInfo& info = ggml_type_info(type);
  return columns / info.block_elements * info.block_bytes;
}

std::span<const std::byte> StoredRows::look_at(int64_t begin, int64_t end, RowRoom& room) const {
  const auto wanted = bytes.subspan(static_cast<size_t>(begin * row_bytes()),
                                    static_cast<size_t>((end - begin) * row_bytes()));
  return file == nullptr ? wanted : room.read(*file, wanted);
}

}  // namespace coppice
