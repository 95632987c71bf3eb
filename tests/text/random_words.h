#pragma once
// Random routing vocabularies, and what they mean, by the plainest loops.

#include <set>
#include <vector>

#include "base/rng.h"
#include "text/routing_vocabulary.h"

namespace coppice::test {

// Different entries of random tokens, as far as so many are found; the table of a model's files.
inline std::vector<TokenId> random_word_table(int64_t rows, int64_t longest, int64_t vocabulary, Rng& rng) {
  std::set<std::vector<TokenId>> known;
  std::vector<std::vector<TokenId>> entries(1);
  for (int64_t tries = 20 * rows; tries > 0 && std::ssize(entries) < rows; --tries) {
    std::vector<TokenId> entry;
    for (auto length = 1 + rng.below(static_cast<uint64_t>(longest)); length > 0; --length)
      entry.push_back(static_cast<TokenId>(rng.below(static_cast<uint64_t>(vocabulary))));
    if (known.insert(entry).second) entries.push_back(entry);
  }
  return routing_table(entries, rows, longest);
}

// Whether the entry in row `id` of a table stands at tokens[begin, …), and how many tokens it has; 0 if it does not.
inline size_t entry_at(std::span<const TokenId> table, size_t longest, size_t id,
                       std::span<const TokenId> tokens, size_t begin) {
  const auto row = table.subspan(id * longest, longest);
  size_t length = 0;
  while (length < longest && row[length] != RoutingVocabulary::no_token) ++length;
  if (begin + length > tokens.size()) return 0;
  for (size_t i = 0; i < length; ++i)
    if (tokens[begin + i] != row[i]) return 0;
  return length;
}

// The longest entry that ends at each token.
inline std::vector<int32_t> naive_ending(std::span<const TokenId> table, size_t longest,
                                         std::span<const TokenId> tokens) {
  std::vector<int32_t> ids(tokens.size());
  for (size_t t = 0; t < tokens.size(); ++t)
    for (size_t begin = 0; begin <= t && ids[t] == 0; ++begin)
      for (size_t id = 1; id < table.size() / longest; ++id)
        if (entry_at(table, longest, id, tokens, begin) == t + 1 - begin) ids[t] = static_cast<int32_t>(id);
  return ids;
}

// The longest entry at each place, from left to right.
inline std::vector<int32_t> naive_covering(std::span<const TokenId> table, size_t longest,
                                           std::span<const TokenId> tokens) {
  std::vector<int32_t> ids;
  while (ids.size() < tokens.size()) {
    size_t best = 0, length = 1;
    for (size_t id = 1; id < table.size() / longest; ++id)
      if (const size_t own = entry_at(table, longest, id, tokens, ids.size());
          own > 0 && (best == 0 || own > length))
        best = id, length = own;
    ids.insert(ids.end(), length, static_cast<int32_t>(best));
  }
  return ids;
}

}  // namespace coppice::test
