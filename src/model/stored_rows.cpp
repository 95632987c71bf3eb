#include "model/stored_rows.h"

#include <bit>
#include <cstring>

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

int64_t StoredRows::place_of(int64_t row) const {
  const int64_t in_head = row % paired, half = paired / 2;
  return row - in_head + 2 * (in_head % half) + in_head / half;
}

std::span<const std::byte> StoredRows::as_they_lie(int64_t begin, int64_t end, RowRoom& room) const {
  const auto wanted = bytes.subspan(static_cast<size_t>(begin * row_bytes()),
                                    static_cast<size_t>((end - begin) * row_bytes()));
  return file == nullptr ? wanted : room.read(*file, wanted);
}

std::span<const std::byte> StoredRows::look_at(int64_t begin, int64_t end, RowRoom& room) const {
  if (paired == 0) return as_they_lie(begin, end, room);
  // Whole heads, of which the rows are taken.
  const int64_t first = begin / paired * paired, last = (end + paired - 1) / paired * paired;
  const auto heads = as_they_lie(first, last, room);
  const auto size = static_cast<size_t>(row_bytes());
  room.ordered().resize(static_cast<size_t>(end - begin) * size);
  for (int64_t row = begin; row < end; ++row)
    std::memcpy(room.ordered().data() + static_cast<size_t>(row - begin) * size,
                heads.data() + static_cast<size_t>(place_of(row) - first) * size, size);
  return room.ordered();
}

}  // namespace coppice
