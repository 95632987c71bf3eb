#pragma once
// One term's postings as bytes: blocks of 128 documents, each with its own widths. docs/formats.md has the layout.
//
// A posting is a document and a value of at least 1: the term's frequency, or a quantized learned weight. What a
// posting adds to a score is weight * part, where the part, between 0 and 1, depends on the value (and the document's
// length); each block and each list carries a bound of its parts in 1/255ths, rounded up.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/doc_set.h"
#include "kernels/posting_kernels.h"

namespace coppice {

inline constexpr uint32_t block_size = 128;

// Ranks whose parts are kept with long lists: the 10th, 100th and 1000th largest, in 1/255ths, rounded down. Each bounds
// from below what the k-th best document of a query with this term scores.
inline constexpr std::array<uint32_t, 3> kept_ranks = {10, 100, 1000};

// What the dictionary keeps of a term.
struct TermEntry {
  uint32_t documents = 0;  // that contain it
  uint64_t total = 0;      // sum of values
  uint8_t bound = 0;       // of all parts
  std::array<uint8_t, kept_ranks.size()> ranked_parts = {};
  uint64_t postings_at = 0, postings_size = 0;
  uint64_t positions_at = 0, positions_size = 0;
};

inline uint8_t part_rounded_up(float part) {
  return static_cast<uint8_t>(std::min(255.0f, std::ceil(part * 255.0f * 1.000001f)));
}
inline uint8_t part_rounded_down(float part) {
  return static_cast<uint8_t>(std::max(0.0f, std::floor(part * 255.0f * 0.999999f)));
}

// Appends the list to `bytes` and says what the dictionary has to keep, but for places. Documents rise, values are
// below 2^31, and part(i) gives the part of the i-th posting.
TermEntry append_postings(std::span<const DocOrdinal> docs, std::span<const uint32_t> values,
                          const std::function<float(size_t)>& part, std::vector<uint8_t>& bytes);

// A list as it lies in a mapped file. Reading is safe whatever the bytes are: places are checked, and documents that
// come out are only promised to be numbers, so users compare them with the segment's size.
class PostingList {
 public:
  PostingList() = default;
  // `bytes` starts with the list's `entry.postings_size` bytes and goes on for unpack_over_read more; `where` is for
  // messages. Throws an Error if the header does not fit.
  PostingList(std::span<const uint8_t> bytes, const TermEntry& entry, const std::string* where);

  uint32_t documents() const { return documents_; }
  uint32_t blocks() const { return blocks_; }
  uint32_t count(uint32_t block) const {
    return block + 1 < blocks_ ? block_size : documents_ - block * block_size;
  }
  // The last document of a block; of a list of one block, the largest number there is.
  DocOrdinal last(uint32_t block) const {
    if (blocks_ == 1) return ~DocOrdinal{0};
    DocOrdinal doc;
    std::memcpy(&doc, lasts_ + 4 * size_t{block}, sizeof doc);
    return doc;
  }
  uint8_t bound(uint32_t block) const { return blocks_ == 1 ? bound_ : bounds_[block]; }

  // Unpacks a block; the arrays have room for block_size + unpack_over_write numbers.
  void docs(uint32_t block, DocOrdinal* docs) const;
  void values(uint32_t block, uint32_t* values) const;
  // The value of one posting of a block.
  uint32_t value(uint32_t block, uint32_t place) const;

  // The first block from `block` on whose last document is at or behind `doc`; blocks() if there is none.
  uint32_t seek(uint32_t block, DocOrdinal doc) const;

 private:
  struct Widths {
    int docs, values;
  };
  Widths widths(uint32_t block) const;
  // Where the block's numbers begin, checked against the list's size.
  const uint8_t* packed(uint32_t block, Widths widths) const;
  [[noreturn]] void damaged(const char* what) const;

  uint32_t documents_ = 0, blocks_ = 0;
  uint8_t bound_ = 0;
  const uint8_t *lasts_ = nullptr, *offsets_ = nullptr, *doc_bits_ = nullptr, *value_bits_ = nullptr,
                *bounds_ = nullptr, *payload_ = nullptr;
  size_t payload_size_ = 0;
  const std::string* where_ = nullptr;
};

}  // namespace coppice
