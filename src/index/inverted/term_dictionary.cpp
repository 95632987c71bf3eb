#include "index/inverted/term_dictionary.h"

#include <algorithm>

#include "base/varint.h"
#include "index/damage.h"

namespace coppice {
namespace {

constexpr uint64_t group_size = 16;
constexpr size_t header_size = 16, group_bytes = 24;

void append_u64(std::vector<uint8_t>& bytes, uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<uint8_t>(number >> shift));
}

uint64_t u64_at(std::span<const uint8_t> bytes, size_t at) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number |= uint64_t{bytes[at + i]} << (8 * i);
  return number;
}

}  // namespace

void TermDictionaryWriter::add(std::string_view term, const TermEntry& entry) {
  COPPICE_CHECK(terms_ == 0 || previous_ < term, "terms out of order");
  const bool first = terms_++ % group_size == 0;
  if (first) {
    groups_.push_back(entries_.size());
    groups_.push_back(entry.postings_at);
    groups_.push_back(entry.positions_at);
    previous_.clear();
  }
  const size_t shared = static_cast<size_t>(
      std::mismatch(previous_.begin(), previous_.end(), term.begin(), term.end()).first - previous_.begin());
  append_varint(entries_, shared);
  append_varint(entries_, term.size() - shared);
  entries_.insert(entries_.end(), term.begin() + static_cast<std::ptrdiff_t>(shared), term.end());
  append_varint(entries_, entry.documents);
  append_varint(entries_, entry.total - entry.documents);
  entries_.push_back(entry.bound);
  for (size_t i = 0; i < kept_ranks.size() && kept_ranks[i] <= entry.documents; ++i)
    entries_.push_back(entry.ranked_parts[i]);
  append_varint(entries_, entry.postings_size);
  append_varint(entries_, entry.positions_size);
  previous_ = term;
}

std::vector<uint8_t> TermDictionaryWriter::finish() {
  std::vector<uint8_t> bytes;
  append_u64(bytes, terms_);
  append_u64(bytes, groups_.size() / 3);
  for (const uint64_t number : groups_) append_u64(bytes, number);
  bytes.insert(bytes.end(), entries_.begin(), entries_.end());
  *this = TermDictionaryWriter();
  return bytes;
}

TermDictionary::TermDictionary(std::span<const uint8_t> bytes, std::string where) : where_(std::move(where)) {
  if (bytes.size() < header_size) damaged("is cut short");
  terms_ = u64_at(bytes, 0);
  groups_ = u64_at(bytes, 8);
  if (groups_ > (bytes.size() - header_size) / group_bytes ||
      groups_ != terms_ / group_size + (terms_ % group_size != 0))
    damaged("has a table of groups that does not fit");
  table_ = bytes.subspan(header_size, groups_ * group_bytes);
  entries_ = bytes.subspan(header_size + table_.size());
}

void TermDictionary::damaged(const char* what) const {
  throw Error({.where = where_,
               .found = fmt::format("a damaged term dictionary: it {}", what),
               .advice = see_the_damage});
}

uint64_t TermDictionary::group_field(uint64_t group, int field) const {
  return u64_at(table_, group * group_bytes + 8 * static_cast<size_t>(field));
}

uint64_t TermDictionary::varint(size_t& at) const {
  const auto number = read_varint(entries_, at);
  if (!number) damaged("has an entry that is cut short");
  return *number;
}

void TermDictionary::read(size_t& at, bool first_of_group, uint64_t group, std::string& term,
                          TermEntry& entry) const {
  if (first_of_group) {
    at = std::min<uint64_t>(group_field(group, 0), entries_.size());
    term.clear();
    entry = {};
    entry.postings_at = group_field(group, 1);
    entry.positions_at = group_field(group, 2);
  } else {
    entry.postings_at += entry.postings_size;
    entry.positions_at += entry.positions_size;
  }
  const uint64_t shared = varint(at), added = varint(at);
  if (shared > term.size() || added > entries_.size() - at) damaged("has a term that does not fit");
  term.resize(shared);
  term.append(reinterpret_cast<const char*>(entries_.data()) + at, added);
  at += added;
  const uint64_t documents = varint(at), more = varint(at);
  if (documents == 0 || documents > ~uint32_t{0})
    damaged("has a term with an impossible number of documents");
  entry.documents = static_cast<uint32_t>(documents);
  entry.total = documents + more;
  entry.ranked_parts = {};
  const auto byte = [&] {
    if (at >= entries_.size()) damaged("has an entry that is cut short");
    return entries_[at++];
  };
  entry.bound = byte();
  for (size_t i = 0; i < kept_ranks.size() && kept_ranks[i] <= documents; ++i) entry.ranked_parts[i] = byte();
  entry.postings_size = varint(at);
  entry.positions_size = varint(at);
}

std::optional<TermEntry> TermDictionary::find(std::string_view term) const {
  if (groups_ == 0) return std::nullopt;
  const auto first_term = [&](uint64_t group) {
    size_t at = std::min<uint64_t>(group_field(group, 0), entries_.size());
    varint(at);
    const uint64_t size = varint(at);
    if (size > entries_.size() - at) damaged("has a term that does not fit");
    return std::string_view(reinterpret_cast<const char*>(entries_.data()) + at, size);
  };
  // The last group that begins at or before the term.
  uint64_t low = 0, high = groups_;
  while (high - low > 1) {
    const uint64_t middle = low + (high - low) / 2;
    (first_term(middle) <= term ? low : high) = middle;
  }
  size_t at = 0;
  std::string known;
  TermEntry entry;
  const uint64_t members = std::min(group_size, terms_ - low * group_size);
  for (uint64_t i = 0; i < members; ++i) {
    read(at, i == 0, low, known, entry);
    if (known == term) return entry;
    if (known > term) break;
  }
  return std::nullopt;
}

bool TermDictionary::Walk::next() {
  if (done_ == dictionary_.size()) return false;
  const bool first = done_ % group_size == 0;
  const std::string before = term_;
  dictionary_.read(at_, first, done_ / group_size, term_, entry_);
  if (done_++ > 0 && term_ <= before) dictionary_.damaged("has terms out of order");
  return true;
}

}  // namespace coppice
