#pragma once
// Matrices as they lie in files.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "format/gguf_types.h"

namespace coppice {

// Room for rows that are read from a file. They lie there at the same place within a page as in the file: copying between
// unlike places takes up to three times as long.
class RowRoom {
 public:
  std::span<const std::byte> read(const MappedFile& file, std::span<const std::byte> part);
  // For rows that are put in order.
  std::vector<std::byte>& ordered() { return ordered_; }

 private:
  std::unique_ptr<std::byte[]> memory_;
  size_t size_ = 0;
  std::vector<std::byte> ordered_;
};

// A matrix without gaps, row after row, of plain numbers or blocks.
struct StoredRows {
  std::string name;
  GgmlType type = GgmlType::f32;
  int64_t rows = 0, columns = 0;
  std::span<const std::byte> bytes;
  const MappedFile* file = nullptr;  // that they are mapped from, if they are
  // Rows of each head of so many lie in rotary pairs: row half * (paired / 2) + i of a head is the 2i + half of its `bytes`,
  // as GGUF's `llama` has queries and keys. 0: all lie in their order.
  int64_t paired = 0;

  int64_t row_bytes() const;
  // Rows [begin, end) to look at. Those of a file are read into `room` instead of being looked at where they are mapped:
  // that costs no more than the faults of their pages would, and leaves no page in memory.
  std::span<const std::byte> look_at(int64_t begin, int64_t end, RowRoom& room) const;

 private:
  // Where a row lies among those of its matrix.
  int64_t place_of(int64_t row) const;
  std::span<const std::byte> as_they_lie(int64_t begin, int64_t end, RowRoom& room) const;
};

}  // namespace coppice
