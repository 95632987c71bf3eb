#pragma once
// Collects documents in memory and writes them as an inverted index. Documents are kept as rows of (term, value) until
// the order of the segment is known; then one counting pass turns rows into lists.

#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "index/inverted/inverted_writer.h"
#include "text/analysis/analyzer.h"

namespace coppice {

class InvertedBuilder {
 public:
  explicit InvertedBuilder(PostingKind kind, bool positions = false) : kind_(kind), positions_(positions) {}

  // Between texts of one document lies a gap that no phrase crosses. A text of weight w counts as if it were repeated
  // w times: BM25's simple extension to fields (Robertson, Zaragoza and Taylor 2004).
  void add_text(const AnalyzedText& text, uint32_t weight = 1);
  // For indexes of weights: a term and its weight in steps, at least 1; each term once a document.
  void add_weight(std::string_view term, uint32_t steps);
  void end_document();

  size_t documents() const { return document_ends_.size(); }
  // About how many bytes the builder holds.
  size_t memory() const;

  // Writes the index with document order[i] as the i-th; `order` is a permutation. The builder is empty afterwards.
  InvertedSummary write(const std::filesystem::path& folder, const std::string& name,
                        std::span<const DocOrdinal> order, const Bm25& bm25, double unit);

 private:
  // A term's number; equal terms have equal numbers.
  uint32_t number_of(std::string_view term);
  std::string_view term(uint32_t number) const {
    return {characters_.data() + term_begins_[number], term_begins_[number + 1] - term_begins_[number]};
  }

  struct Entry {
    uint32_t term, value;
  };
  struct Occurrence {
    uint32_t entry, position;  // entry: place in the document's row
  };
  static constexpr uint32_t field_gap = 100;

  PostingKind kind_;
  bool positions_;
  std::string characters_;  // all terms, one behind the other
  std::vector<uint64_t> term_begins_ = {0};
  std::vector<uint32_t> slots_;  // open hash table: 0, or a term's number + 1
  std::vector<uint32_t> frequencies_;
  // The document being added.
  std::vector<uint32_t> row_of_;  // by term: its place in the row, valid if row_document_ agrees
  std::vector<uint32_t> row_document_;
  std::vector<Occurrence> occurrences_;
  uint32_t next_position_ = 0;
  uint64_t length_ = 0;
  // All documents.
  std::vector<Entry> entries_;
  std::vector<uint64_t> document_ends_;  // in entries_
  std::vector<uint8_t> position_bytes_;  // of all entries, one behind the other
  std::vector<uint64_t> position_ends_;  // by document
  std::vector<uint32_t> lengths_;
  uint32_t highest_value_ = 1;
};

}  // namespace coppice
