#include "text/subword/bpe.h"

#include "text/utf8.h"

namespace coppice {

BpeModel::BpeModel(BpeOptions options, Vocabulary vocabulary,
                   const std::vector<std::pair<std::string, std::string>>& merges, const std::string& where)
    : options_(std::move(options)),
      vocabulary_(std::move(vocabulary)),
      merges_(merges.size()),
      prefix_(options_.continuing_subword_prefix.value_or("")),
      suffix_(options_.end_of_word_suffix.value_or("")),
      byte_tokens_(vocabulary_) {
  if (options_.unk_token) {
    unknown_ = vocabulary_.find(*options_.unk_token);
    if (!unknown_)
      throw Error({.where = where + ".unk_token",
                   .found = fmt::format("'{}'", *options_.unk_token),
                   .expected = "a token of the vocabulary"});
  }
  for (size_t i = 0; i < merges.size(); ++i)
    set_merge(merges[i].first, merges[i].second, static_cast<int32_t>(i), where);
  for (char32_t c = 0; c < quick_characters; ++c) {
    std::string text;
    append_character(text, c);
    quick_.push_back(vocabulary_.find(text).value_or(-1));
  }
}

void BpeModel::set_merge(const std::string& left, const std::string& right, int32_t rank,
                         const std::string& where) {
  const auto id_of = [&](const std::string& token) {
    if (const auto id = vocabulary_.find(token)) return *id;
    throw Error({.where = fmt::format("{}.merges[{}]", where, rank),
                 .found = fmt::format("'{}' + '{}'", left, right),
                 .expected = fmt::format("tokens of the vocabulary; '{}' is none", token)});
  };
  const std::string rest = right.starts_with(prefix_) ? right.substr(prefix_.size()) : right;
  const TokenId left_id = id_of(left), right_id = id_of(right);
  merges_.set(left_id, right_id, {rank, id_of(left + rest)});
}

void BpeModel::encode(std::string_view word, std::vector<TokenId>& ids) const {
  cache_.append(word, ids,
                [this](std::string_view text, std::vector<TokenId>& out) { encode_new(text, out); });
}

void BpeModel::encode_new(std::string_view word, std::vector<TokenId>& ids) const {
  if (options_.ignore_merges)
    if (const auto whole = vocabulary_.find(word)) return ids.push_back(*whole);
  std::vector<TokenId> symbols;
  first_symbols(word, symbols, nullptr);
  merge_symbols(symbols, merges_);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BpeModel::encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const {
  if (options_.ignore_merges)
    if (const auto whole = vocabulary_.find(word)) return tokens.push_back({*whole, {0, word.size()}});
  std::vector<TokenId> symbols;
  std::vector<size_t> ends, starts;
  first_symbols(word, symbols, &ends);
  merge_symbols(symbols, merges_, nullptr, &starts);
  starts.push_back(ends.size());
  for (size_t i = 0; i < symbols.size(); ++i)
    tokens.push_back({symbols[i], {starts[i] == 0 ? 0 : ends[starts[i] - 1], ends[starts[i + 1] - 1]}});
}

// The id of the character word[begin, end), dressed with prefix and suffix as its place asks for; -1 if
// unknown.
TokenId BpeModel::symbol(std::string_view word, size_t begin, size_t end) const {
  const bool prefixed = begin > 0 && !prefix_.empty(), suffixed = end == word.size() && !suffix_.empty();
  const std::string_view character = word.substr(begin, end - begin);
  if (prefixed || suffixed) {
    std::string dressed = prefixed ? prefix_ : "";
    dressed += character;
    if (suffixed) dressed += suffix_;
    return vocabulary_.find(dressed).value_or(-1);
  }
  size_t at = 0;
  const char32_t c = next_character(character, at);
  return c < quick_characters ? quick_[c] : vocabulary_.find(character).value_or(-1);
}

void BpeModel::first_symbols(std::string_view word, std::vector<TokenId>& symbols,
                             std::vector<size_t>* ends) const {
  symbols.reserve(word.size());
  bool joins = false;  // the last symbol is unknown, and the next unknown character joins it
  for (size_t begin = 0; begin < word.size();) {
    const size_t end = begin + utf8_length(word[begin]);
    const TokenId id = symbol(word, begin, end);
    const size_t before = symbols.size();
    if (id >= 0) {
      symbols.push_back(id);
      joins = false;
    } else if (options_.byte_fallback && byte_tokens_.append(word.substr(begin, end - begin), symbols)) {
      joins = false;
    } else if (unknown_) {
      if (!joins) symbols.push_back(*unknown_);
      joins = options_.fuse_unk;
    }
    if (ends != nullptr) {
      const size_t added = symbols.size() - before;
      const bool bytes = added == end - begin;  // byte tokens stand for one byte each
      for (size_t i = 1; i <= added; ++i) ends->push_back(bytes ? begin + i : end);
      if (added == 0 && !ends->empty()) ends->back() = end;
    }
    begin = end;
  }
}

}  // namespace coppice
