#pragma once
// Remembers the ids of words already encoded: natural text repeats its words. Bounded; when full it learns no
// more.

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/vocabulary.h"

namespace coppice {

class WordCache {
 public:
  static constexpr size_t max_words = 1 << 16;
  static constexpr size_t max_word_bytes = 256;

  // Appends the ids of `word`: remembered ones, else those that `encode(word, ids)` appends. A thread that
  // finds the cache in use by another encodes without it.
  template <class Encode>
  void append(std::string_view word, std::vector<TokenId>& ids, Encode encode) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || word.size() > max_word_bytes) return encode(word, ids);
    key_.assign(word);
    const auto found = words_.find(key_);
    if (found != words_.end()) {
      ids.insert(ids.end(), found->second.begin(), found->second.end());
      return;
    }
    const size_t before = ids.size();
    encode(word, ids);
    if (words_.size() < max_words)
      words_.emplace(key_,
                     std::vector<TokenId>(ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end()));
  }

 private:
  std::mutex mutex_;
  std::string key_;
  std::unordered_map<std::string, std::vector<TokenId>> words_;
};

}  // namespace coppice
