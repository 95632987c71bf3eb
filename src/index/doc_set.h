#pragma once
// A set of documents of one segment, as a bitmap: what a filter lets through, or what has not been deleted.

#include <bit>
#include <cstdint>
#include <vector>

#include "base/error.h"

namespace coppice {

// A document's place in its segment, from 0.
using DocOrdinal = uint32_t;

class DocSet {
 public:
  explicit DocSet(size_t documents, bool all = false)
      : documents_(documents), words_((documents + 63) / 64, all ? ~uint64_t{0} : 0) {
    if (all && documents % 64 != 0) words_.back() = (uint64_t{1} << documents % 64) - 1;
  }

  size_t documents() const { return documents_; }
  bool contains(DocOrdinal doc) const { return words_[doc / 64] >> (doc % 64) & 1; }
  void insert(DocOrdinal doc) { word_of(doc) |= uint64_t{1} << (doc % 64); }
  void remove(DocOrdinal doc) { word_of(doc) &= ~(uint64_t{1} << (doc % 64)); }

  size_t count() const {
    size_t members = 0;
    for (const uint64_t word : words_) members += static_cast<size_t>(std::popcount(word));
    return members;
  }

  // Keeps what is in both; the sets must be of segments of equal size.
  DocSet& operator&=(const DocSet& other) {
    COPPICE_CHECK(documents_ == other.documents_);
    for (size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }

  // Calls visit(doc) for every member in ascending order.
  void for_each(auto&& visit) const {
    for (size_t i = 0; i < words_.size(); ++i)
      for (uint64_t word = words_[i]; word != 0; word &= word - 1)
        visit(static_cast<DocOrdinal>(64 * i + static_cast<size_t>(std::countr_zero(word))));
  }

  const std::vector<uint64_t>& words() const { return words_; }

 private:
  uint64_t& word_of(DocOrdinal doc) {
    COPPICE_CHECK(doc < documents_);
    return words_[doc / 64];
  }

  size_t documents_;
  std::vector<uint64_t> words_;
};

}  // namespace coppice
