#include "index/inverted/posting_list.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "index/damage.h"

namespace coppice {
namespace {

void append(std::vector<uint8_t>& bytes, const void* data, size_t size) {
  const auto* begin = static_cast<const uint8_t*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

// Bits of the widest of `numbers`.
int width_of(std::span<const uint32_t> numbers) {
  uint32_t all = 0;
  for (const uint32_t number : numbers) all |= number;
  return std::bit_width(all);
}

void append_packed(std::vector<uint8_t>& bytes, std::span<const uint32_t> numbers, int bits) {
  uint64_t pending = 0;
  int filled = 0;
  for (const uint32_t number : numbers) {
    pending |= uint64_t{number} << filled;
    for (filled += bits; filled >= 8; filled -= 8, pending >>= 8)
      bytes.push_back(static_cast<uint8_t>(pending));
  }
  if (filled > 0) bytes.push_back(static_cast<uint8_t>(pending));
}

size_t packed_bytes(uint32_t count, int bits) {
  return (size_t{count} * static_cast<size_t>(bits) + 7) / 8;
}

// What the blocks need beside their numbers, collected while they are packed.
struct Blocks {
  std::vector<uint32_t> lasts, offsets;
  std::vector<uint8_t> doc_bits, value_bits, bounds, payload;
};

void add_block(Blocks& blocks, DocOrdinal previous, std::span<const DocOrdinal> docs,
               std::span<const uint32_t> values) {
  std::array<uint32_t, block_size> gaps, lowered;
  for (size_t i = 0; i < docs.size(); ++i) {
    gaps[i] = docs[i] - previous - 1;
    lowered[i] = values[i] - 1;
    previous = docs[i];
  }
  const std::span<const uint32_t> gap(gaps.data(), docs.size()), low(lowered.data(), docs.size());
  COPPICE_CHECK(blocks.payload.size() <= ~uint32_t{0}, "a posting list above 4 GiB");
  blocks.lasts.push_back(docs.back());
  blocks.offsets.push_back(static_cast<uint32_t>(blocks.payload.size()));
  blocks.doc_bits.push_back(static_cast<uint8_t>(width_of(gap)));
  blocks.value_bits.push_back(static_cast<uint8_t>(width_of(low)));
  append_packed(blocks.payload, gap, blocks.doc_bits.back());
  append_packed(blocks.payload, low, blocks.value_bits.back());
}

}  // namespace

TermEntry append_postings(std::span<const DocOrdinal> docs, std::span<const uint32_t> values,
                          const std::function<float(size_t)>& part, std::vector<uint8_t>& bytes) {
  COPPICE_CHECK(!docs.empty() && docs.size() == values.size());
  TermEntry entry;
  entry.documents = static_cast<uint32_t>(docs.size());
  Blocks blocks;
  std::vector<float> parts(docs.size());
  for (size_t i = 0; i < docs.size(); ++i) {
    parts[i] = part(i);
    entry.total += values[i];
  }
  for (size_t begin = 0; begin < docs.size(); begin += block_size) {
    const size_t count = std::min<size_t>(block_size, docs.size() - begin);
    add_block(blocks, begin == 0 ? ~DocOrdinal{0} : docs[begin - 1], docs.subspan(begin, count),
              values.subspan(begin, count));
    const auto first = parts.begin() + static_cast<std::ptrdiff_t>(begin);
    blocks.bounds.push_back(
        part_rounded_up(*std::max_element(first, first + static_cast<std::ptrdiff_t>(count))));
  }
  entry.bound = *std::max_element(blocks.bounds.begin(), blocks.bounds.end());
  for (size_t i = 0; i < kept_ranks.size() && kept_ranks[i] <= parts.size(); ++i) {
    const auto ranked = parts.begin() + (kept_ranks[i] - 1);
    std::nth_element(parts.begin(), ranked, parts.end(), std::greater<>());
    entry.ranked_parts[i] = part_rounded_down(*ranked);
  }

  const size_t begin = bytes.size();
  if (blocks.lasts.size() > 1) {
    append(bytes, blocks.lasts.data(), 4 * blocks.lasts.size());
    append(bytes, blocks.offsets.data(), 4 * blocks.offsets.size());
  }
  append(bytes, blocks.doc_bits.data(), blocks.doc_bits.size());
  append(bytes, blocks.value_bits.data(), blocks.value_bits.size());
  if (blocks.lasts.size() > 1) append(bytes, blocks.bounds.data(), blocks.bounds.size());
  append(bytes, blocks.payload.data(), blocks.payload.size());
  entry.postings_size = bytes.size() - begin;
  return entry;
}

PostingList::PostingList(std::span<const uint8_t> bytes, const TermEntry& entry, const std::string* where)
    : documents_(entry.documents),
      blocks_(static_cast<uint32_t>((uint64_t{entry.documents} + block_size - 1) / block_size)),
      bound_(entry.bound),
      where_(where) {
  if (documents_ == 0) damaged("is empty");
  const size_t header = blocks_ == 1 ? 2 : size_t{blocks_} * 11;
  if (header > entry.postings_size || entry.postings_size + kernels::unpack_over_read > bytes.size())
    damaged("is cut short");
  const uint8_t* at = bytes.data();
  if (blocks_ > 1) {
    lasts_ = at;
    offsets_ = at + 4 * size_t{blocks_};
    at += 8 * size_t{blocks_};
  }
  doc_bits_ = at;
  value_bits_ = at + blocks_;
  bounds_ = at + 2 * size_t{blocks_};
  payload_ = bytes.data() + header;
  payload_size_ = entry.postings_size - header;
}

void PostingList::damaged(const char* what) const {
  throw Error({.where = where_ == nullptr ? "a posting list" : *where_,
               .found = fmt::format("a damaged posting list of {} documents: it {}", documents_, what),
               .advice = see_the_damage});
}

PostingList::Widths PostingList::widths(uint32_t block) const {
  const Widths widths{doc_bits_[block], value_bits_[block]};
  if (widths.docs > 32 || widths.values > 32) damaged("has a block of more than 32 bits a number");
  return widths;
}

const uint8_t* PostingList::packed(uint32_t block, Widths widths) const {
  uint32_t offset = 0;
  if (blocks_ > 1) std::memcpy(&offset, offsets_ + 4 * size_t{block}, sizeof offset);
  if (offset + packed_bytes(count(block), widths.docs) + packed_bytes(count(block), widths.values) >
      payload_size_)
    damaged("has a block outside its bytes");
  return payload_ + offset;
}

void PostingList::docs(uint32_t block, DocOrdinal* docs) const {
  const Widths bits = widths(block);
  const DocOrdinal previous = block == 0 ? ~DocOrdinal{0} : last(block - 1);
  kernels::posting_kernels().unpack_ascending(packed(block, bits), bits.docs, static_cast<int>(count(block)),
                                              previous, docs);
}

void PostingList::values(uint32_t block, uint32_t* values) const {
  const Widths bits = widths(block);
  kernels::posting_kernels().unpack(packed(block, bits) + packed_bytes(count(block), bits.docs), bits.values,
                                    static_cast<int>(count(block)), values);
}

uint32_t PostingList::value(uint32_t block, uint32_t place) const {
  const Widths bits = widths(block);
  const uint8_t* numbers = packed(block, bits) + packed_bytes(count(block), bits.docs);
  const size_t at = size_t{place} * static_cast<size_t>(bits.values);
  uint64_t word;
  std::memcpy(&word, numbers + at / 8, sizeof word);
  return static_cast<uint32_t>(word >> at % 8 & ((uint64_t{1} << bits.values) - 1)) + 1;
}

uint32_t PostingList::seek(uint32_t block, DocOrdinal doc) const {
  if (block >= blocks_ || last(block) >= doc) return block;
  // Steps double until they pass the document; then halves.
  uint32_t before = block, step = 1;
  while (before + step < blocks_ && last(before + step) < doc) {
    before += step;
    step *= 2;
  }
  uint32_t behind = std::min(before + step, blocks_);
  while (behind - before > 1) {
    const uint32_t middle = before + (behind - before) / 2;
    (last(middle) < doc ? before : behind) = middle;
  }
  return behind;
}

}  // namespace coppice
