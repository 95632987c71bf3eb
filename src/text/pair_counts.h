#pragma once
// How often neighbouring symbols occur in a list of distinct words, kept up to date while pairs are merged.

#include <cstdint>
#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "text/vocabulary.h"

namespace coppice {

struct CountedWord {
  std::vector<TokenId> symbols;
  int64_t count = 0;
};

struct CountedPair {
  TokenId left = 0, right = 0;
  int64_t count = 0;
};

class PairCounts {
 public:
  explicit PairCounts(std::vector<CountedWord> words);

  // The most frequent pair; of equally frequent ones that with the smaller left, then right id. Nothing
  // without pairs.
  std::optional<CountedPair> top();

  // Replaces every occurrence of the pair, from left to right, by `result`.
  void merge(const CountedPair& pair, TokenId result);

  // The pair is never again the top one.
  void forbid(const CountedPair& pair) { forbidden_.insert(key(pair.left, pair.right)); }

 private:
  struct Tally {
    int64_t count = 0;
    std::vector<int32_t> words;  // where it occurs, or once did; ascending for each merge
  };
  struct Rarer {
    bool operator()(const CountedPair& a, const CountedPair& b) const {
      if (a.count != b.count) return a.count < b.count;
      return a.left != b.left ? a.left > b.left : a.right > b.right;
    }
  };

  static uint64_t key(TokenId left, TokenId right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  void change(TokenId left, TokenId right, int64_t by, int32_t word);

  std::vector<CountedWord> words_;
  std::unordered_map<uint64_t, Tally> tallies_;
  std::unordered_set<uint64_t> forbidden_;
  std::vector<uint64_t> grown_;  // pairs whose count rose in the current merge
  std::priority_queue<CountedPair, std::vector<CountedPair>, Rarer>
      heap_;  // counts may be too high, never too low
};

}  // namespace coppice
