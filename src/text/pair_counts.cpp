#include "text/pair_counts.h"

namespace coppice {

PairCounts::PairCounts(std::vector<CountedWord> words) : words_(std::move(words)) {
  for (size_t i = 0; i < words_.size(); ++i) {
    const auto& [symbols, count] = words_[i];
    for (size_t at = 0; at + 1 < symbols.size(); ++at)
      change(symbols[at], symbols[at + 1], count, static_cast<int32_t>(i));
  }
  for (const auto& [pair, tally] : tallies_)
    heap_.push({static_cast<TokenId>(pair >> 32), static_cast<TokenId>(pair & 0xFFFFFFFF), tally.count});
}

void PairCounts::change(TokenId left, TokenId right, int64_t by, int32_t word) {
  Tally& tally = tallies_[key(left, right)];
  tally.count += by;
  if (by <= 0) return;
  if (tally.words.empty() || tally.words.back() != word) tally.words.push_back(word);
  grown_.push_back(key(left, right));
}

std::optional<CountedPair> PairCounts::top() {
  while (!heap_.empty()) {
    CountedPair best = heap_.top();
    const auto found = tallies_.find(key(best.left, best.right));
    const bool gone = found == tallies_.end() || forbidden_.contains(key(best.left, best.right));
    const int64_t count = gone ? 0 : found->second.count;
    if (count == best.count) return best;
    heap_.pop();
    best.count = count;
    if (count > 0) heap_.push(best);
  }
  return std::nullopt;
}

void PairCounts::merge(const CountedPair& pair, TokenId result) {
  const std::vector<int32_t> touched = std::move(tallies_[key(pair.left, pair.right)].words);
  grown_.clear();
  for (const int32_t index : touched) {
    auto& [symbols, count] = words_[static_cast<size_t>(index)];
    size_t kept = 0;
    for (size_t at = 0; at < symbols.size(); ++at) {
      const bool match = symbols[at] == pair.left && at + 1 < symbols.size() && symbols[at + 1] == pair.right;
      if (!match) {
        symbols[kept++] = symbols[at];
        continue;
      }
      // symbols[0, kept) is what is before, already merged; the pairs at both sides change.
      if (kept > 0) {
        change(symbols[kept - 1], pair.left, -count, index);
        change(symbols[kept - 1], result, count, index);
      }
      if (at + 2 < symbols.size()) {
        change(pair.right, symbols[at + 2], -count, index);
        change(result, symbols[at + 2], count, index);
      }
      symbols[kept++] = result;
      ++at;
    }
    symbols.resize(kept);
  }
  tallies_.erase(key(pair.left, pair.right));
  for (const uint64_t grown : grown_) {
    const auto found = tallies_.find(grown);
    if (found != tallies_.end() && found->second.count > 0)
      heap_.push(
          {static_cast<TokenId>(grown >> 32), static_cast<TokenId>(grown & 0xFFFFFFFF), found->second.count});
  }
}

}  // namespace coppice
