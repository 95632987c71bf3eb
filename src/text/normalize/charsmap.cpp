#include "text/normalize/charsmap.h"

#include <cstring>

#include "base/error.h"
#include "base/strings.h"

namespace coppice {

Charsmap::Charsmap(std::string_view blob, const std::string& where) {
  if (blob.empty()) return;
  uint32_t trie_size = 0;
  bool sound = blob.size() > sizeof trie_size;
  if (sound) std::memcpy(&trie_size, blob.data(), sizeof trie_size);
  blob.remove_prefix(std::min(blob.size(), sizeof trie_size));
  sound = sound && trie_size % sizeof(Unit) == 0 && trie_size > 0 && trie_size < blob.size();
  if (sound) {
    units_.resize(trie_size / sizeof(Unit));
    std::memcpy(units_.data(), blob.data(), trie_size);
    texts_ = blob.substr(trie_size);
    sound = texts_.back() == '\0' && is_utf8(texts_) && is_sound();
  }
  if (!sound)
    throw Error({.where = where, .found = "a malformed normalization table", .advice = perhaps_incomplete});
}

bool Charsmap::points_to_text(uint32_t value) const {
  return value < texts_.size() && (static_cast<unsigned char>(texts_[value]) & 0xC0) != 0x80;
}

// Visits every node once; subtries may be shared.
bool Charsmap::is_sound() const {
  std::vector<bool> seen(units_.size());
  std::vector<uint32_t> bases = {units_[0].offset()};
  while (!bases.empty()) {
    const uint32_t base = bases.back();
    bases.pop_back();
    if ((base | 0xFFu) >= units_.size()) return false;
    if (seen[base]) continue;
    seen[base] = true;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t at = base ^ byte;
      const Unit unit = units_[at];
      if (unit.label() != byte) continue;
      const uint32_t next = at ^ unit.offset();
      if (unit.has_leaf() && (next >= units_.size() || !points_to_text(units_[next].value()))) return false;
      bases.push_back(next);
    }
  }
  return true;
}

// Calls visit(length, value) for every entry that `text` begins with, shortest first, until it returns false.
template <class Visit>
void Charsmap::walk(std::string_view text, Visit visit) const {
  if (units_.empty()) return;
  uint32_t node = units_[0].offset();
  for (size_t i = 0; i < text.size(); ++i) {
    const uint32_t byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    const Unit unit = units_[node];
    if (unit.label() != byte) return;
    node ^= unit.offset();
    if (unit.has_leaf() && !visit(i + 1, units_[node].value())) return;
  }
}

Charsmap::Match Charsmap::longest(std::string_view text) const {
  size_t longest = 0;
  uint32_t value = 0;
  walk(text, [&](size_t length, uint32_t found) {
    longest = length;
    value = found;
    return true;
  });
  return longest == 0 ? Match{} : Match{longest, text_at(value)};
}

Charsmap::Match Charsmap::shortest(std::string_view text) const {
  Match match;
  walk(text, [&](size_t length, uint32_t value) {
    match = {length, text_at(value)};
    return false;
  });
  return match;
}

}  // namespace coppice
