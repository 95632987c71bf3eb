#pragma once
// What became of frequent words: a table of fixed size from a word as it stands in the text to its term. A new word
// takes the place of the one that lies in its slot.

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace coppice {

class TermCache {
 public:
  static constexpr size_t longest_word = 24, longest_term = 30;

  // A word of at most longest_word bytes, ready to be looked up.
  struct Key {
    std::array<uint64_t, 3> bytes;
    uint8_t size;
    uint32_t slot;
  };

  // `readable`: bytes that may be read from the word's begin on; at least its size.
  static Key key(std::string_view word, size_t readable) {
    Key key{{}, static_cast<uint8_t>(word.size()), 0};
    std::memcpy(key.bytes.data(), word.data(), readable >= longest_word ? longest_word : word.size());
    for (size_t i = 0; i < 3; ++i) {
      const size_t from = 8 * i;
      if (word.size() <= from)
        key.bytes[i] = 0;
      else if (word.size() < from + 8)
        key.bytes[i] &=
            (uint64_t{1} << 8 * (word.size() - from)) - 1;  // little-endian: the first bytes are low
    }
    uint64_t hash = key.bytes[0] * 0x9E3779B97F4A7C15u;
    hash = (hash ^ hash >> 32 ^ key.bytes[1]) * 0xD6E8FEB86659FD93u;
    hash = (hash ^ hash >> 32 ^ key.bytes[2]) * 0xA0761D6478BD642Fu;
    key.slot = static_cast<uint32_t>(hash >> (64 - slot_bits));
    return key;
  }

  // False if the word is not known. An empty term: the word is left out.
  bool find(const Key& key, std::string_view& term) const {
    const Slot& slot = slots_[key.slot];
    if (slot.word_size != key.size || slot.word != key.bytes) return false;
    term = {slot.term, slot.term_size};
    return true;
  }

  void put(const Key& key, std::string_view term) {
    if (term.size() > longest_term) return;
    Slot& slot = slots_[key.slot];
    slot.word = key.bytes;
    slot.word_size = key.size;
    slot.term_size = static_cast<uint8_t>(term.size());
    std::memcpy(slot.term, term.data(), term.size());
  }

 private:
  static constexpr int slot_bits = 14;  // 1 MiB

  struct alignas(64) Slot {
    std::array<uint64_t, 3> word{};
    uint8_t word_size = 0;  // 0: empty
    uint8_t term_size = 0;
    char term[longest_term];
  };
  std::vector<Slot> slots_ = std::vector<Slot>(size_t{1} << slot_bits);
};

}  // namespace coppice
