#include "text/token_trie.h"

#include <algorithm>

namespace coppice {

// Breadth first, so that the children of a node lie together.
TokenTrie::TokenTrie(std::span<const std::span<const TokenId>> sequences, std::span<const int32_t> values) {
  struct Range {
    size_t begin, end, depth;  // sequences that begin with the same `depth` tokens
  };
  std::vector<Range> nodes = {{0, sequences.size(), 0}};
  children_.clear();
  for (size_t node = 0; node < nodes.size(); ++node) {
    auto [begin, end, depth] = nodes[node];
    if (begin < end && sequences[begin].size() == depth) values_[node] = values[begin++];
    children_.push_back(static_cast<int32_t>(nodes.size()));
    while (begin < end) {
      const TokenId token = sequences[begin][depth];
      size_t next = begin + 1;
      while (next < end && sequences[next][depth] == token) ++next;
      nodes.push_back({begin, next, depth + 1});
      tokens_.push_back(token);
      values_.push_back(none);
      begin = next;
    }
  }
  children_.push_back(static_cast<int32_t>(nodes.size()));
}

int32_t TokenTrie::child(int32_t node, TokenId token) const {
  const auto begin = tokens_.begin() + children_[static_cast<size_t>(node)],
             end = tokens_.begin() + children_[static_cast<size_t>(node) + 1];
  const auto found = std::lower_bound(begin, end, token);
  return found == end || *found != token ? none : static_cast<int32_t>(found - tokens_.begin());
}

}  // namespace coppice
