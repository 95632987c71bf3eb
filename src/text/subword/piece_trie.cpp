#include "text/subword/piece_trie.h"

#include <algorithm>
#include <limits>

namespace coppice {
namespace {

constexpr size_t block = 256;
constexpr size_t searched_blocks = 8;  // older blocks are taken to be full enough

// Entries [begin, end) share their first `depth` bytes, which lead to the slot `node`.
struct Range {
  int32_t node;
  size_t begin, end, depth;
};

}  // namespace

PieceTrie::PieceTrie(std::vector<Entry> entries) : slots_(block), empty_(entries.empty()) {
  std::sort(entries.begin(), entries.end());
  slots_[0].parent = std::numeric_limits<int32_t>::max();  // the root is nobody's child
  std::vector<Range> waiting = {{0, 0, entries.size(), 0}};
  std::vector<unsigned char> labels;
  std::vector<size_t> starts;
  while (!waiting.empty()) {
    auto [node, begin, end, depth] = waiting.back();
    waiting.pop_back();
    if (begin < end && entries[begin].first.size() == depth)
      slots_[static_cast<size_t>(node)].value = entries[begin++].second;
    labels.clear();
    starts.clear();
    for (size_t i = begin; i < end; ++i) {
      const auto byte = static_cast<unsigned char>(entries[i].first[depth]);
      if (!labels.empty() && labels.back() == byte) continue;
      labels.push_back(byte);
      starts.push_back(i);
    }
    if (labels.empty()) continue;
    const int32_t base = find_base(labels);
    slots_[static_cast<size_t>(node)].base = base;
    starts.push_back(end);
    for (size_t i = 0; i < labels.size(); ++i) {
      const int32_t child = base ^ labels[i];
      slots_[static_cast<size_t>(child)].parent = node;
      waiting.push_back({child, starts[i], starts[i + 1], depth + 1});
    }
  }
}

int32_t PieceTrie::find_base(const std::vector<unsigned char>& labels) {
  while (first_open_ < slots_.size() && slots_[first_open_].parent >= 0) ++first_open_;
  const size_t recent = slots_.size() - std::min(slots_.size(), searched_blocks * block);
  for (size_t at = std::max(first_open_, recent); at < slots_.size(); ++at) {
    const size_t base = at ^ labels[0];
    const bool fits = std::all_of(labels.begin(), labels.end(),
                                  [&](unsigned char label) { return slots_[base ^ label].parent < 0; });
    if (fits) return static_cast<int32_t>(base);
  }
  const size_t base = slots_.size();
  slots_.resize(base + block);
  return static_cast<int32_t>(base);
}

}  // namespace coppice
