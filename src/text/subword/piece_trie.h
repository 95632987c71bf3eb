#pragma once
// Finds the pieces that a text begins with: a double-array trie (Aoe 1989). The children of a node lie at
// base ^ byte, within one block of 256 slots; each slot says whose child it is.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace coppice {

class PieceTrie {
 public:
  using Entry = std::pair<std::string_view, int32_t>;  // a piece and its value, which is not negative

  // Pieces are distinct and not empty.
  explicit PieceTrie(std::vector<Entry> entries);

  // Calls visit(length, value) for every piece that `text` begins with, shortest first.
  template <class Visit>
  void prefixes(std::string_view text, Visit visit) const {
    int32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const int32_t child = slots_[static_cast<size_t>(node)].base ^ static_cast<unsigned char>(text[i]);
      const Slot& slot = slots_[static_cast<size_t>(child)];
      if (slot.parent != node) return;
      node = child;
      if (slot.value >= 0) visit(i + 1, slot.value);
    }
  }

  // The longest piece that `text` begins with: its length and value; {0, -1} if none.
  std::pair<size_t, int32_t> longest(std::string_view text) const {
    std::pair<size_t, int32_t> found = {0, -1};
    prefixes(text, [&found](size_t length, int32_t value) { found = {length, value}; });
    return found;
  }

  bool empty() const { return empty_; }

 private:
  struct Slot {
    int32_t base = 0;     // of a leaf: 0, whose block has no child of this slot
    int32_t parent = -1;  // -1: free
    int32_t value = -1;   // -1: no piece ends here
  };

  int32_t find_base(const std::vector<unsigned char>& labels);

  std::vector<Slot> slots_;
  size_t first_open_ = 1;  // no slot before is free
  bool empty_;
};

}  // namespace coppice
