#pragma once
// Applies BPE merges to a row of symbols.

#include <unordered_map>
#include <utility>
#include <vector>

#include "text/subword/merge_table.h"

namespace coppice {

// Merges neighbours in `symbols` until no pair is in the table: always the pair of lowest rank, of equal ones
// the leftmost (Sennrich et al. 2016). A heap over a linked list: n log n in the number of symbols.
// With `splits`, notes for every symbol that a pair could have become the pair that was found last.
using SymbolSplits = std::unordered_map<TokenId, std::pair<TokenId, TokenId>>;
// With `starts`, tells for every symbol that remains the place of the first one it was merged from.
void merge_symbols(std::vector<TokenId>& symbols, const MergeTable& merges, SymbolSplits* splits = nullptr,
                   std::vector<size_t>* starts = nullptr);

}  // namespace coppice
