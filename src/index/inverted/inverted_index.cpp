#include "index/inverted/inverted_index.h"

#include "base/varint.h"
#include "index/damage.h"
#include "index/inverted/inverted_writer.h"

namespace coppice {
namespace {

std::span<const uint8_t> bytes_of(const MappedFile& file) {
  return {reinterpret_cast<const uint8_t*>(file.bytes().data()), file.bytes().size()};
}

[[noreturn]] void damaged(const std::string& where, const std::string& found,
                          const std::string& expected = "") {
  throw Error({.where = where, .found = found, .expected = expected, .advice = see_the_damage});
}

}  // namespace

InvertedIndex::InvertedIndex(const std::filesystem::path& folder, const std::string& name)
    : where_((folder / name).string()) {
  const auto path = [&](const char* ending) { return folder / (name + ending); };
  summary_ =
      from_json<InvertedSummary>(read_json_file(path(".json"), see_the_damage), path(".json").string());
  terms_file_.emplace(path(".terms"));
  postings_file_.emplace(path(".postings"));
  lengths_file_.emplace(path(".lengths"));
  if (summary_.positions) positions_file_.emplace(path(".positions"));
  terms_.emplace(bytes_of(*terms_file_), path(".terms").string());
  postings_bytes_ = bytes_of(*postings_file_);
  lengths_bytes_ = bytes_of(*lengths_file_);
  if (positions_file_) positions_bytes_ = bytes_of(*positions_file_);
  if (terms_->size() != static_cast<uint64_t>(summary_.terms))
    damaged(path(".terms").string(), fmt::format("{} terms", terms_->size()),
            fmt::format("{}", summary_.terms));
  if (lengths_bytes_.size() != static_cast<uint64_t>(summary_.documents))
    damaged(path(".lengths").string(), fmt::format("{} bytes", lengths_bytes_.size()),
            fmt::format("one for each of {} documents", summary_.documents));
  if (postings_bytes_.size() < kernels::unpack_over_read)
    damaged(path(".postings").string(), fmt::format("{} bytes", postings_bytes_.size()), "at least 64");
}

PostingList InvertedIndex::postings(const TermEntry& entry) const {
  if (entry.postings_at > postings_bytes_.size() || entry.documents > summary_.documents)
    damaged(where_ + ".terms", "a term whose postings lie outside the file");
  return PostingList(postings_bytes_.subspan(entry.postings_at), entry, &where_);
}

InvertedIndex::Positions InvertedIndex::positions(const TermEntry& entry) const {
  COPPICE_CHECK(summary_.positions);
  if (entry.positions_at > positions_bytes_.size() ||
      entry.positions_size > positions_bytes_.size() - entry.positions_at)
    damaged(where_ + ".terms", "a term whose positions lie outside the file");
  Positions positions;
  positions.bytes_ = positions_bytes_.subspan(entry.positions_at, entry.positions_size);
  positions.where_ = &where_;
  const size_t blocks = (size_t{entry.documents} + block_size - 1) / block_size;
  positions.table_ = blocks > 1 ? 4 * blocks : 0;
  if (positions.table_ > entry.positions_size) damaged(where_ + ".positions", "positions that are cut short");
  return positions;
}

uint64_t InvertedIndex::Positions::varint() {
  const auto number = read_varint(bytes_, at_);
  if (!number) damaged(*where_ + ".positions", "positions that are cut short");
  return *number;
}

void InvertedIndex::Positions::move_to(uint32_t block, uint32_t place) {
  if (block != block_) {
    block_ = block;
    place_ = 0;
    at_ = table_;
    if (table_ > 0) {
      uint32_t offset;
      std::memcpy(&offset, bytes_.data() + 4 * size_t{block}, sizeof offset);
      at_ = std::min(bytes_.size(), table_ + offset);
    }
  }
  COPPICE_CHECK(place >= place_, "positions are read forwards");
  for (; place_ < place; ++place_)
    for (uint64_t left = varint(); left > 0; --left) varint();
}

const std::vector<uint32_t>& InvertedIndex::Positions::of(uint32_t block, uint32_t place) {
  move_to(block, place);
  read_.clear();
  uint64_t position = 0;
  for (uint64_t left = varint(); left > 0; --left) {
    position += varint();
    read_.push_back(static_cast<uint32_t>(position));
  }
  ++place_;
  return read_;
}

std::span<const uint8_t> InvertedIndex::Positions::bytes_of(uint32_t block, uint32_t place) {
  move_to(block, place);
  const size_t begin = at_;
  for (uint64_t left = varint(); left > 0; --left) varint();
  ++place_;
  return bytes_.subspan(begin, at_ - begin);
}

void InvertedIndex::verify() const {
  const auto norms = bm25_norms(summary_.bm25, summary_.average_length());
  const float highest = static_cast<float>(summary_.highest_value);
  uint64_t postings = 0;
  DocOrdinal docs[block_size + kernels::unpack_over_write];
  uint32_t values[block_size + kernels::unpack_over_write];
  TermDictionary::Walk walk(*terms_);
  while (walk.next()) {
    const TermEntry& entry = walk.entry();
    const PostingList list = this->postings(entry);
    std::optional<Positions> places;
    if (summary_.positions) places = positions(entry);
    uint64_t sum = 0;
    int64_t before = -1;
    for (uint32_t block = 0; block < list.blocks(); ++block) {
      list.docs(block, docs);
      list.values(block, values);
      for (uint32_t i = 0; i < list.count(block); ++i) {
        if (docs[i] <= before || docs[i] >= documents())
          damaged(where_ + ".postings", fmt::format("documents out of order at term '{}'", walk.term()));
        before = docs[i];
        sum += values[i];
        const float value = static_cast<float>(values[i]);
        const float part = summary_.kind == PostingKind::frequency
                               ? value / (value + norms[lengths_bytes_[docs[i]]])
                               : value / highest;
        if (values[i] > summary_.highest_value || part_rounded_up(part) > list.bound(block) ||
            list.bound(block) > entry.bound)
          damaged(where_ + ".postings", fmt::format("a value above its bound at term '{}'", walk.term()));
        if (places && places->of(block, i).empty())
          damaged(where_ + ".positions", fmt::format("no position at term '{}'", walk.term()));
      }
      if (list.blocks() > 1 && list.last(block) != docs[list.count(block) - 1])
        damaged(where_ + ".postings", fmt::format("a block with a wrong end at term '{}'", walk.term()));
    }
    if (sum != entry.total)
      damaged(where_ + ".postings", fmt::format("values of {} in all at term '{}'", sum, walk.term()),
              fmt::format("{}", entry.total));
    postings += entry.documents;
  }
  if (postings != static_cast<uint64_t>(summary_.postings))
    damaged(where_ + ".postings", fmt::format("{} postings", postings), fmt::format("{}", summary_.postings));
}

}  // namespace coppice
