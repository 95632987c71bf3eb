#include "index/inverted/inverted_builder.h"

#include <algorithm>
#include <numeric>

#include "base/varint.h"
#include "index/inverted/length_code.h"

namespace coppice {
namespace {

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0x9e3779b97f4a7c15u ^ text.size();
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  uint64_t rest = 0;
  std::memcpy(&rest, text.data() + at, text.size() - at);
  hash = (hash ^ rest) * 0xff51afd7ed558ccdu;
  return hash ^ hash >> 29;
}

}  // namespace

uint32_t InvertedBuilder::number_of(std::string_view text) {
  const size_t known = frequencies_.size();
  if (2 * (known + 1) > slots_.size()) {
    slots_.assign(std::max<size_t>(1024, 2 * slots_.size()), 0);
    for (uint32_t number = 0; number < known; ++number) {
      size_t slot = hash_of(term(number)) & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = number + 1;
    }
  }
  size_t slot = hash_of(text) & (slots_.size() - 1);
  for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1))
    if (term(slots_[slot] - 1) == text) return slots_[slot] - 1;
  COPPICE_CHECK(known < ~uint32_t{0} - 1, "too many terms in one segment");
  slots_[slot] = static_cast<uint32_t>(known) + 1;
  characters_ += text;
  term_begins_.push_back(characters_.size());
  frequencies_.push_back(0);
  row_of_.push_back(0);
  row_document_.push_back(~uint32_t{0});
  return static_cast<uint32_t>(known);
}

void InvertedBuilder::add_text(const AnalyzedText& text, uint32_t weight) {
  COPPICE_CHECK(kind_ == PostingKind::frequency && weight > 0);
  const uint64_t row_begin = document_ends_.empty() ? 0 : document_ends_.back();
  const uint32_t document = static_cast<uint32_t>(documents());
  uint32_t last = next_position_;
  for (size_t i = 0; i < text.tokens.size(); ++i) {
    const uint32_t number = number_of(text.term(i));
    if (row_document_[number] != document) {
      row_document_[number] = document;
      row_of_[number] = static_cast<uint32_t>(entries_.size() - row_begin);
      entries_.push_back({number, 0});
      ++frequencies_[number];
    }
    uint32_t& value = entries_[row_begin + row_of_[number]].value;
    value = static_cast<uint32_t>(std::min<uint64_t>(uint64_t{value} + weight, 0x7fffffff));
    highest_value_ = std::max(highest_value_, value);
    if (positions_) {
      last = next_position_ + text.tokens[i].position;
      occurrences_.push_back({row_of_[number], last});
    }
  }
  length_ += uint64_t{weight} * text.tokens.size();
  next_position_ = last + field_gap;
}

void InvertedBuilder::add_weight(std::string_view text, uint32_t steps) {
  COPPICE_CHECK(kind_ == PostingKind::weight && steps > 0);
  const uint32_t number = number_of(text), document = static_cast<uint32_t>(documents());
  COPPICE_CHECK(row_document_[number] != document, "a term given twice");
  row_document_[number] = document;
  entries_.push_back({number, std::min<uint32_t>(steps, 0x7fffffff)});
  ++frequencies_[number];
  highest_value_ = std::max(highest_value_, entries_.back().value);
  length_ += entries_.back().value;
}

void InvertedBuilder::end_document() {
  const uint64_t begin = document_ends_.empty() ? 0 : document_ends_.back();
  if (positions_) {
    // By place in the row, and within a place as they came.
    std::stable_sort(occurrences_.begin(), occurrences_.end(),
                     [](const Occurrence& a, const Occurrence& b) { return a.entry < b.entry; });
    for (size_t i = 0; i < occurrences_.size();) {
      size_t end = i;
      while (end < occurrences_.size() && occurrences_[end].entry == occurrences_[i].entry) ++end;
      append_varint(position_bytes_, end - i);
      for (uint32_t before = 0; i < end; ++i) {
        append_varint(position_bytes_, occurrences_[i].position - before);
        before = occurrences_[i].position;
      }
    }
    occurrences_.clear();
    position_ends_.push_back(position_bytes_.size());
  }
  COPPICE_CHECK(entries_.size() >= begin);
  document_ends_.push_back(entries_.size());
  lengths_.push_back(static_cast<uint32_t>(std::min<uint64_t>(length_, 0x7fffffff)));
  length_ = 0;
  next_position_ = 0;
}

size_t InvertedBuilder::memory() const {
  // Writing needs the lists beside the rows.
  return entries_.size() * (2 * sizeof(Entry) + (positions_ ? 8 : 0)) + position_bytes_.size() +
         characters_.size() + frequencies_.size() * 40 + documents() * 24;
}

InvertedSummary InvertedBuilder::write(const std::filesystem::path& folder, const std::string& name,
                                       std::span<const DocOrdinal> order, const Bm25& bm25, double unit) {
  COPPICE_CHECK(order.size() == documents());
  InvertedSummary summary{.kind = kind_,
                          .documents = static_cast<int64_t>(documents()),
                          .unit = unit,
                          .positions = positions_,
                          .bm25 = bm25};
  std::vector<uint8_t> lengths(documents());
  for (size_t i = 0; i < order.size(); ++i) {
    summary.total_length += lengths_[order[i]];
    lengths[i] = kind_ == PostingKind::frequency ? encode_length(lengths_[order[i]]) : 0;
  }

  // Counting pass: the documents in their order leave each term's list in order.
  const size_t terms = frequencies_.size();
  std::vector<uint64_t> ends(terms);
  std::exclusive_scan(frequencies_.begin(), frequencies_.end(), ends.begin(), uint64_t{0});
  std::vector<DocOrdinal> docs(entries_.size());
  std::vector<uint32_t> values(entries_.size());
  std::vector<uint64_t> position_begins(positions_ ? entries_.size() : 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t from = order[i];
    size_t at = positions_ ? (from == 0 ? 0 : position_ends_[from - 1]) : 0;
    for (uint64_t e = from == 0 ? 0 : document_ends_[from - 1]; e < document_ends_[from]; ++e) {
      const uint64_t to = ends[entries_[e].term]++;
      docs[to] = static_cast<DocOrdinal>(i);
      values[to] = entries_[e].value;
      if (positions_) {
        position_begins[to] = at;
        for (uint64_t left = *read_varint(position_bytes_, at); left > 0; --left)
          read_varint(position_bytes_, at);
      }
    }
  }

  std::vector<uint32_t> sorted(terms);
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::sort(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) { return term(a) < term(b); });
  InvertedWriter writer(folder, name, summary, std::move(lengths), highest_value_);
  TermPositions positions;
  for (const uint32_t number : sorted) {
    const size_t begin = ends[number] - frequencies_[number], count = frequencies_[number];
    positions.bytes.clear();
    positions.ends.clear();
    for (size_t i = begin; positions_ && i < begin + count; ++i) {
      size_t at = position_begins[i];
      for (uint64_t left = *read_varint(position_bytes_, at); left > 0; --left)
        read_varint(position_bytes_, at);
      positions.bytes.insert(positions.bytes.end(),
                             position_bytes_.begin() + static_cast<std::ptrdiff_t>(position_begins[i]),
                             position_bytes_.begin() + static_cast<std::ptrdiff_t>(at));
      positions.ends.push_back(positions.bytes.size());
    }
    writer.add(term(number), std::span(docs).subspan(begin, count), std::span(values).subspan(begin, count),
               positions_ ? &positions : nullptr);
  }
  *this = InvertedBuilder(kind_, positions_);
  return writer.finish();
}

}  // namespace coppice
