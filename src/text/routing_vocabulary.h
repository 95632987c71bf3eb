#pragma once
// A second vocabulary whose entries, words and names, are sequences of a model's tokens. It gives every position of a
// text a number, its routing id, that depends on the tokens alone: what experts of words are chosen by (MoWE, Nogueira dos
// Santos et al. 2023).

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/token_trie.h"

namespace coppice {

class RoutingVocabulary {
 public:
  static constexpr int32_t unknown = 0;    // the routing id of what no entry covers
  static constexpr TokenId no_token = -1;  // fills the rows of the table up
  static constexpr int64_t most_entries = 1 << 24, most_tokens = 64;

  RoutingVocabulary() = default;
  // A table of rows of `longest` token ids: row 0 is empty, every further one is the entry of that routing id, the most
  // frequent first, filled up with -1; rows behind the last entry are empty. `vocabulary`: of the tokens. Ids outside it,
  // holes, and entries that occur twice are Errors naming `where`.
  RoutingVocabulary(std::span<const TokenId> table, int64_t longest, int64_t vocabulary,
                    const std::string& where);

  // Rows of the table.
  int64_t size() const { return size_; }
  int64_t longest() const { return longest_; }

  // For each of `tokens` the longest entry that ends there, `before` being the tokens in front of them, of which no more
  // than longest - 1 matter. What comes later does not: for models that see no later tokens.
  std::vector<int32_t> ending(std::span<const TokenId> before, std::span<const TokenId> tokens) const;

  // For each token the entry that covers it: from left to right the longest that begins where the last one ended. For
  // models that see whole texts.
  std::vector<int32_t> covering(std::span<const TokenId> tokens) const;

 private:
  int64_t size_ = 1, longest_ = 1;
  TokenTrie forwards_, backwards_;
};

// The table of `entries`, of which the first is empty, with `rows` rows of `longest` tokens; both suffice.
std::vector<TokenId> routing_table(std::span<const std::vector<TokenId>> entries, int64_t rows,
                                   int64_t longest);

}  // namespace coppice
