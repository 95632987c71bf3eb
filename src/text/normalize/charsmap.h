#pragma once
// The precompiled character map of SentencePiece: pieces of text and what takes their place. Stored as the size
// of a double-array trie (Aoe 1989, in the layout of Darts-clone), the trie, and the NUL-terminated texts that
// its values point to.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

class Charsmap {
 public:
  struct Match {
    size_t length = 0;      // bytes of the text that are replaced; 0 if the map has none
    std::string_view text;  // what takes their place
  };

  // The empty blob is a map that changes nothing. A walk that could leave the trie, a value that points to no
  // text and texts that are not UTF-8 are Errors naming `where`.
  Charsmap(std::string_view blob, const std::string& where);

  // The longest and the shortest entry that `text` begins with.
  Match longest(std::string_view text) const;
  Match shortest(std::string_view text) const;
  bool empty() const { return units_.empty(); }

 private:
  // One element of the double array. The children of a node are at base ^ byte, its value is at base.
  struct Unit {
    uint32_t bits;
    bool has_leaf() const { return (bits >> 8 & 1) != 0; }
    uint32_t value() const { return bits & 0x7FFFFFFF; }
    uint32_t label() const { return bits & 0x800000FF; }
    uint32_t offset() const { return (bits >> 10) << ((bits & 1u << 9) >> 6); }
  };

  bool is_sound() const;
  bool points_to_text(uint32_t value) const;
  template <class Visit>
  void walk(std::string_view text, Visit visit) const;
  std::string_view text_at(uint32_t value) const { return texts_.c_str() + value; }

  std::vector<Unit> units_;
  std::string texts_;
};

}  // namespace coppice
