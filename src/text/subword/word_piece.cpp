#include "text/subword/word_piece.h"

#include <algorithm>

namespace coppice {
namespace {

// The tokens that begin with `prefix`, without it.
PieceTrie trie_of(const Vocabulary& vocabulary, std::string_view prefix) {
  std::vector<PieceTrie::Entry> entries;
  for (TokenId id = 0; id < vocabulary.end(); ++id) {
    const std::string* token = vocabulary.token(id);
    if (token != nullptr && token->size() > prefix.size() && token->starts_with(prefix))
      entries.emplace_back(std::string_view(*token).substr(prefix.size()), id);
  }
  return PieceTrie(std::move(entries));
}

bool is_longer_than(std::string_view word, int64_t characters) {
  if (static_cast<int64_t>(word.size()) <= characters) return false;
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return std::count_if(word.begin(), word.end(), begins) > characters;
}

}  // namespace

WordPieceModel::WordPieceModel(const WordPieceOptions& options, Vocabulary vocabulary,
                               const std::string& where)
    : options_(options),
      vocabulary_(std::move(vocabulary)),
      first_(trie_of(vocabulary_, "")),
      later_(trie_of(vocabulary_, options_.continuing_subword_prefix)),
      unknown_(vocabulary_.find(options_.unk_token).value_or(-1)) {
  if (unknown_ < 0)
    throw Error({.where = where + ".unk_token",
                 .found = fmt::format("'{}'", options_.unk_token),
                 .expected = "a token of the vocabulary"});
}

void WordPieceModel::encode(std::string_view word, std::vector<TokenId>& ids) const {
  cache_.append(word, ids, [this](std::string_view text, std::vector<TokenId>& out) {
    std::vector<SubwordToken> tokens;
    encode_traced(text, tokens);
    for (const auto& token : tokens) out.push_back(token.id);
  });
}

void WordPieceModel::encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const {
  const size_t before = tokens.size();
  size_t at = is_longer_than(word, options_.max_input_chars_per_word) ? word.npos : 0;
  while (at < word.size()) {
    const auto [length, id] = (at == 0 ? first_ : later_).longest(word.substr(at));
    if (length == 0) break;
    tokens.push_back({id, {at, at + length}});
    at += length;
  }
  if (at == word.size()) return;
  tokens.resize(before);
  tokens.push_back({unknown_, {0, word.size()}});
}

std::unique_ptr<SubwordModel> make_word_piece_model(TokenizerJson& document, const std::string& where) {
  const auto options = read_model_options<WordPieceOptions>(document, where);
  return std::make_unique<WordPieceModel>(options, take_vocabulary(document, where), where);
}

}  // namespace coppice
