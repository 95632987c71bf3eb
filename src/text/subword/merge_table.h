#pragma once
// The merges of a BPE model: a pair of neighbouring ids -> its rank and the id that takes their place. Open
// addressing; looked up once or twice for every character of a text.

#include <cstdint>
#include <vector>

#include "text/vocabulary.h"

namespace coppice {

struct Merge {
  int32_t rank = -1;  // lower ranks merge first
  TokenId result = -1;
};

class MergeTable {
 public:
  explicit MergeTable(size_t count) {
    size_t slots = 16;
    while (slots < 2 * count) slots *= 2;
    slots_.resize(slots);
  }

  // A pair that is set again takes the later value.
  void set(TokenId left, TokenId right, Merge merge) {
    Slot& slot = slots_[slot_of(key(left, right))];
    slot = {key(left, right), merge};
  }

  const Merge* find(TokenId left, TokenId right) const {
    const Slot& slot = slots_[slot_of(key(left, right))];
    return slot.merge.rank < 0 ? nullptr : &slot.merge;
  }

 private:
  struct Slot {
    uint64_t key = 0;
    Merge merge;  // rank -1: free
  };

  static uint64_t key(TokenId left, TokenId right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }

  size_t slot_of(uint64_t key) const {
    uint64_t hash = key * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].merge.rank >= 0 && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  std::vector<Slot> slots_;
};

}  // namespace coppice
