#pragma once
// Documents of one ranked list by name: an open hash table that is filled once for each query and used again.

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "format/trec.h"

namespace coppice {

class DocTable {
 public:
  // Takes the documents in; false if one occurs twice, which `twice()` then names.
  bool fill(std::span<const RunDoc> docs) {
    docs_ = docs;
    size_t slots = 16;
    while (slots < 2 * docs.size()) slots *= 2;
    mask_ = slots - 1;
    slots_.assign(slots, empty);
    for (size_t i = 0; i < docs.size(); ++i) {
      const uint64_t hash = hash_of(docs[i].doc);
      size_t at = hash & mask_;
      for (; slots_[at] != empty; at = (at + 1) & mask_)
        if (same(slots_[at], hash, docs[i].doc)) {
          twice_ = docs[i].doc;
          return false;
        }
      slots_[at] = (hash & high_half) | i;
    }
    return true;
  }

  // Where the document stands in the list, from 0.
  std::optional<size_t> find(std::string_view doc) const {
    const uint64_t hash = hash_of(doc);
    for (size_t at = hash & mask_; slots_[at] != empty; at = (at + 1) & mask_)
      if (same(slots_[at], hash, doc)) return slots_[at] & ~high_half;
    return std::nullopt;
  }

  std::string_view twice() const { return twice_; }

 private:
  static constexpr uint64_t empty = ~uint64_t{0}, high_half = ~uint64_t{0} << 32;

  bool same(uint64_t slot, uint64_t hash, std::string_view doc) const {
    return ((slot ^ hash) & high_half) == 0 && docs_[slot & ~high_half].doc == doc;
  }

  static uint64_t hash_of(std::string_view text) {
    constexpr uint64_t odd = 0x9e3779b97f4a7c15ULL;
    uint64_t hash = text.size() * odd;
    const auto mix = [&hash](uint64_t word) {
      hash = (hash ^ word) * odd;
      hash ^= hash >> 29;
    };
    const char* at = text.data();
    size_t left = text.size();
    for (; left >= 8; left -= 8, at += 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      mix(word);
    }
    uint64_t word = 0;
    std::memcpy(&word, at, left);
    mix(word);
    return hash ^ hash >> 32;
  }

  std::span<const RunDoc> docs_;
  std::vector<uint64_t> slots_;  // upper half of the hash, place in the list
  size_t mask_ = 0;
  std::string_view twice_;
};

}  // namespace coppice
