#pragma once
// Sequences of token ids as a tree that is walked token by token, in flat arrays.

#include <cstdint>
#include <span>
#include <vector>

#include "text/vocabulary.h"

namespace coppice {

class TokenTrie {
 public:
  static constexpr int32_t root = 0, none = -1;

  TokenTrie() = default;
  // `sequences`: different ones, none empty, in the order of their tokens. `values[i]` is what the i-th stands for.
  TokenTrie(std::span<const std::span<const TokenId>> sequences, std::span<const int32_t> values);

  // The node that `token` leads to from `node`, or none.
  int32_t child(int32_t node, TokenId token) const;
  // What the sequence that ends at a node stands for, or none.
  int32_t value(int32_t node) const { return values_[static_cast<size_t>(node)]; }

 private:
  // Of each node: the token that leads to it, its value, and where its children begin, which end where those of the
  // next node begin and have rising tokens.
  std::vector<TokenId> tokens_ = {none};
  std::vector<int32_t> values_ = {none}, children_ = {1, 1};
};

}  // namespace coppice
