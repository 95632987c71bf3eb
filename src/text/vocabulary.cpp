#include "text/vocabulary.h"

#include <algorithm>

#include "base/error.h"

namespace coppice {

Vocabulary::Vocabulary(std::vector<Entry> entries, const std::string& where) : entries_(std::move(entries)) {
  if (entries_.empty())
    throw Error({.where = where, .found = "an empty vocabulary", .expected = "at least one token"});
  int64_t highest = 0;
  for (const auto& [token, id] : entries_) {
    if (id < 0 || id >= max_vocabulary)
      throw Error({.where = where,
                   .found = fmt::format("id {} of token '{}'", id, token),
                   .expected = fmt::format("an id in [0, {})", max_vocabulary)});
    highest = std::max(highest, id);
  }
  entry_of_.assign(static_cast<size_t>(highest) + 1, -1);
  ids_.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size(); ++i) {
    const auto& [token, id] = entries_[i];
    int32_t& slot = entry_of_[static_cast<size_t>(id)];
    if (slot >= 0)
      throw Error({.where = where,
                   .found = fmt::format("tokens '{}' and '{}' both have id {}",
                                        entries_[static_cast<size_t>(slot)].first, token, id),
                   .expected = "one token per id"});
    slot = static_cast<int32_t>(i);
    if (!ids_.emplace(token, static_cast<TokenId>(id)).second)
      throw Error({.where = where,
                   .found = fmt::format("token '{}' occurs twice", token),
                   .expected = "each token once"});
  }
}

std::optional<TokenId> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Vocabulary::token(TokenId id) const {
  if (id < 0 || id >= end()) return nullptr;
  const int32_t entry = entry_of_[static_cast<size_t>(id)];
  return entry < 0 ? nullptr : &entries_[static_cast<size_t>(entry)].first;
}

}  // namespace coppice
