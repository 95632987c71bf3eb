#pragma once
// An inverted index of one segment, mapped from its files.

#include <optional>
#include <string>

#include "base/file.h"
#include "index/inverted/inverted_files.h"
#include "index/inverted/term_dictionary.h"

namespace coppice {

class InvertedIndex {
 public:
  // Throws an Error that names the file if one is missing, of a wrong size, or contradicts the others.
  InvertedIndex(const std::filesystem::path& folder, const std::string& name);

  const InvertedSummary& summary() const { return summary_; }
  DocOrdinal documents() const { return static_cast<DocOrdinal>(summary_.documents); }
  const TermDictionary& terms() const { return *terms_; }
  // A byte for each document (length_code.h).
  const uint8_t* lengths() const { return lengths_bytes_.data(); }

  std::optional<TermEntry> find(std::string_view term) const { return terms_->find(term); }
  PostingList postings(const TermEntry& entry) const;

  // Reads a term's positions, posting by posting from a block's beginning.
  class Positions {
   public:
    // The positions of posting `place` of `block`, rising. Places of one block have to be asked for in rising order.
    const std::vector<uint32_t>& of(uint32_t block, uint32_t place);
    // The same posting's positions as they are stored.
    std::span<const uint8_t> bytes_of(uint32_t block, uint32_t place);

   private:
    friend class InvertedIndex;
    void move_to(uint32_t block, uint32_t place);
    uint64_t varint();

    std::span<const uint8_t> bytes_;
    const std::string* where_ = nullptr;
    size_t table_ = 0, at_ = 0;
    uint32_t block_ = ~uint32_t{0}, place_ = 0;
    std::vector<uint32_t> read_;
  };
  Positions positions(const TermEntry& entry) const;

  // Reads everything and throws an Error at the first thing that is not as it has to be: documents and terms out of
  // order, values outside bounds, sums that differ.
  void verify() const;

 private:
  std::string where_;
  InvertedSummary summary_;
  std::optional<MappedFile> terms_file_, postings_file_, positions_file_, lengths_file_;
  std::optional<TermDictionary> terms_;
  std::span<const uint8_t> postings_bytes_, positions_bytes_, lengths_bytes_;
};

}  // namespace coppice
