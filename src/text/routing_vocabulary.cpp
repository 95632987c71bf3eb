#include "text/routing_vocabulary.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace coppice {
namespace {

using Entries = std::vector<std::span<const TokenId>>;  // by routing id

// The entries from 1 on in the order of their tokens.
std::vector<int32_t> sorted(const Entries& entries) {
  std::vector<int32_t> order(entries.size() - 1);
  std::iota(order.begin(), order.end(), 1);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return std::ranges::lexicographical_compare(entries[static_cast<size_t>(a)],
                                                entries[static_cast<size_t>(b)]);
  });
  return order;
}

TokenTrie trie_of(const Entries& entries, const std::vector<int32_t>& order) {
  Entries sequences;
  for (const int32_t id : order) sequences.push_back(entries[static_cast<size_t>(id)]);
  return {sequences, order};
}

// Cuts the table into its entries; those behind the last one are left out.
Entries entries_of(std::span<const TokenId> table, size_t longest, int64_t vocabulary,
                   const std::string& where) {
  Entries entries;
  size_t last = 0;
  for (size_t begin = 0; begin < table.size(); begin += longest) {
    const auto row = table.subspan(begin, longest);
    const size_t id = entries.size();
    const auto end = std::ranges::find(row, RoutingVocabulary::no_token);
    for (auto token = row.begin(); token != row.end(); ++token) {
      if (token >= end ? *token == RoutingVocabulary::no_token : *token >= 0 && *token < vocabulary) continue;
      throw Error({.where = where,
                   .found = fmt::format("token id {} in entry {}{}", *token, id,
                                        token < end ? "" : ", behind its end"),
                   .expected = token < end ? fmt::format("0 to {}", vocabulary - 1) : "-1"});
    }
    entries.push_back(row.first(static_cast<size_t>(end - row.begin())));
    if (entries.back().empty()) continue;
    if (id != last + 1)
      throw Error({.where = where,
                   .found = fmt::format("tokens in entry {}", id),
                   .expected = id == 0 ? "none: it stands for what is unknown"
                                       : fmt::format("none behind entry {}, which is empty", last + 1)});
    last = id;
  }
  entries.resize(last + 1);
  return entries;
}

}  // namespace

RoutingVocabulary::RoutingVocabulary(std::span<const TokenId> table, int64_t longest, int64_t vocabulary,
                                     const std::string& where)
    : size_(static_cast<int64_t>(table.size()) / std::max<int64_t>(1, longest)), longest_(longest) {
  if (longest < 1 || longest > most_tokens || size_ < 1 || size_ > most_entries ||
      size_ * longest != static_cast<int64_t>(table.size()))
    throw Error({.where = where,
                 .found = fmt::format("{} numbers in rows of {}", table.size(), longest),
                 .expected = fmt::format("1 to {} whole rows of 1 to {}", most_entries, most_tokens)});
  Entries entries = entries_of(table, static_cast<size_t>(longest), vocabulary, where);
  const auto order = sorted(entries);
  for (size_t i = 1; i < order.size(); ++i)
    if (std::ranges::equal(entries[static_cast<size_t>(order[i - 1])],
                           entries[static_cast<size_t>(order[i])])) {
      const auto [first, second] = std::minmax(order[i - 1], order[i]);
      throw Error({.where = where,
                   .found = fmt::format("entry {} once more as entry {}", first, second),
                   .expected = "every entry once"});
    }
  forwards_ = trie_of(entries, order);
  std::vector<TokenId> reversed(table.begin(), table.end());
  for (auto& entry : entries) {
    if (entry.empty()) continue;
    const auto begin = reversed.begin() + (entry.data() - table.data());
    std::reverse(begin, begin + static_cast<std::ptrdiff_t>(entry.size()));
    entry = {begin, entry.size()};
  }
  backwards_ = trie_of(entries, sorted(entries));
}

std::vector<int32_t> RoutingVocabulary::ending(std::span<const TokenId> before,
                                               std::span<const TokenId> tokens) const {
  std::vector<int32_t> ids(tokens.size(), unknown);
  const auto past = static_cast<int64_t>(before.size());
  const auto token_at = [&](int64_t place) {
    return place < past ? before[static_cast<size_t>(place)] : tokens[static_cast<size_t>(place - past)];
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    int32_t node = TokenTrie::root;
    for (int64_t place = past + static_cast<int64_t>(i); place >= 0; --place) {
      node = backwards_.child(node, token_at(place));
      if (node == TokenTrie::none) break;
      if (backwards_.value(node) != TokenTrie::none) ids[i] = backwards_.value(node);
    }
  }
  return ids;
}

std::vector<int32_t> RoutingVocabulary::covering(std::span<const TokenId> tokens) const {
  std::vector<int32_t> ids(tokens.size(), unknown);
  for (size_t begin = 0; begin < tokens.size();) {
    int32_t node = TokenTrie::root, id = unknown;
    size_t end = begin + 1;
    for (size_t place = begin; place < tokens.size(); ++place) {
      node = forwards_.child(node, tokens[place]);
      if (node == TokenTrie::none) break;
      if (forwards_.value(node) == TokenTrie::none) continue;
      id = forwards_.value(node);
      end = place + 1;
    }
    std::fill(ids.begin() + static_cast<std::ptrdiff_t>(begin),
              ids.begin() + static_cast<std::ptrdiff_t>(end), id);
    begin = end;
  }
  return ids;
}

std::vector<TokenId> routing_table(std::span<const std::vector<TokenId>> entries, int64_t rows,
                                   int64_t longest) {
  std::vector<TokenId> table(static_cast<size_t>(rows * longest), RoutingVocabulary::no_token);
  COPPICE_CHECK(static_cast<int64_t>(entries.size()) <= rows, "room for all entries");
  for (size_t i = 0; i < entries.size(); ++i) {
    COPPICE_CHECK(static_cast<int64_t>(entries[i].size()) <= longest, "room for every entry");
    std::ranges::copy(entries[i], table.begin() + static_cast<std::ptrdiff_t>(i) * longest);
  }
  return table;
}

}  // namespace coppice
