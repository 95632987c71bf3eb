#pragma once
// Tokens and their ids, both ways.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coppice {

using TokenId = int32_t;

// Ids are below this; the largest vocabularies in use have about a million tokens.
inline constexpr int64_t max_vocabulary = 1 << 22;

class Vocabulary {
 public:
  using Entry = std::pair<std::string, int64_t>;

  // Empty vocabularies, negative or huge ids and ids that two tokens share are Errors naming `where`. Ids may
  // have gaps, which some models leave for tokens of their own.
  Vocabulary(std::vector<Entry> entries, const std::string& where);
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  std::optional<TokenId> find(std::string_view token) const;
  // The spelling of `id`, or nullptr if there is no such token.
  const std::string* token(TokenId id) const;
  TokenId end() const { return static_cast<TokenId>(entry_of_.size()); }  // highest id + 1
  size_t size() const { return entries_.size(); }

 private:
  std::vector<Entry> entries_;
  std::vector<int32_t> entry_of_;                      // id -> entry, -1 in gaps
  std::unordered_map<std::string_view, TokenId> ids_;  // keys point into entries_
};

}  // namespace coppice
