#include "text/subword/scored_bpe.h"

#include <algorithm>

#include "text/utf8.h"

namespace coppice {
namespace {

constexpr std::string_view space_mark = "▁";

PieceTrie user_defined_of(const std::vector<ScoredPiece>& pieces) {
  std::vector<PieceTrie::Entry> entries;
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].kind == PieceKind::user_defined)
      entries.emplace_back(pieces[id].text, static_cast<int32_t>(id));
  return PieceTrie(std::move(entries));
}

// Where the first word of `text` ends: before a space mark that follows something else.
size_t word_end(std::string_view text) {
  size_t at = 0;
  while (text.substr(at).starts_with(space_mark)) at += space_mark.size();
  return std::min(text.find(space_mark, at), text.size());
}

bool is_character(std::string_view text) {
  return utf8_length(text[0]) == text.size();
}

}  // namespace

ScoredBpeModel::ScoredBpeModel(const std::vector<ScoredPiece>& pieces, bool byte_fallback,
                               const std::string& where)
    : vocabulary_(vocabulary_of(pieces, where)),
      byte_fallback_(byte_fallback),
      merges_(0),
      user_defined_(user_defined_of(pieces)),
      byte_tokens_(vocabulary_) {
  for (size_t id = 0; id < pieces.size(); ++id) {
    const ScoredPiece& piece = pieces[id];
    if (piece.kind == PieceKind::unknown) unknown_ = static_cast<TokenId>(id);
    unused_.push_back(piece.kind == PieceKind::unused);
    has_unused_ = has_unused_ || unused_.back();
    if (piece.is_textual() && word_end(piece.text) < piece.text.size()) cuttable_ = false;
  }
  // How an unused piece is split may depend on the whole text.
  cuttable_ = cuttable_ && !has_unused_;
  name_characters(pieces);
  find_merges(pieces);
}

void ScoredBpeModel::name_characters(const std::vector<ScoredPiece>& pieces) {
  for (size_t id = 0; id < pieces.size(); ++id) {
    size_t at = 0;
    if (is_character(pieces[id].text))
      characters_[next_character(pieces[id].text, at)] = static_cast<TokenId>(id);
  }
  TokenId next = vocabulary_.end();
  for (const auto& piece : pieces)
    for (size_t at = 0; piece.is_textual() && at < piece.text.size();)
      if (characters_.emplace(next_character(piece.text, at), next).second) ++next;
}

void ScoredBpeModel::find_merges(const std::vector<ScoredPiece>& pieces) {
  struct ScoredMerge {
    float score;
    TokenId left, right, result;
  };
  // What may be a symbol of a text that is not frozen.
  const auto symbol_of = [&](std::string_view text) -> TokenId {
    if (is_character(text)) {
      size_t at = 0;
      const TokenId id = characters_.at(next_character(text, at));
      const bool frozen =
          id < vocabulary_.end() && pieces[static_cast<size_t>(id)].kind == PieceKind::user_defined;
      return frozen ? -1 : id;
    }
    const auto id = vocabulary_.find(text);
    if (!id) return -1;
    const ScoredPiece& piece = pieces[static_cast<size_t>(*id)];
    return piece.is_textual() && piece.kind != PieceKind::user_defined ? *id : -1;
  };
  std::vector<ScoredMerge> found;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].text;
    if (!pieces[id].is_textual()) continue;
    for (size_t cut = utf8_length(text[0]); cut < text.size(); cut += utf8_length(text[cut])) {
      const TokenId left = symbol_of(text.substr(0, cut));
      const TokenId right = left < 0 ? -1 : symbol_of(text.substr(cut));
      if (right >= 0) found.push_back({pieces[id].score, left, right, static_cast<TokenId>(id)});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const ScoredMerge& a, const ScoredMerge& b) { return a.score > b.score; });
  merges_ = MergeTable(found.size());
  int32_t rank = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (i > 0 && found[i].score < found[i - 1].score) ++rank;  // equal scores merge from left to right
    merges_.set(found[i].left, found[i].right, {rank, found[i].result});
  }
}

void ScoredBpeModel::encode(std::string_view text, std::vector<TokenId>& ids) const {
  const size_t start = ids.size();
  while (!text.empty()) {
    const size_t end = cuttable_ ? word_end(text) : text.size();
    const size_t before = ids.size();
    cache_.append(text.substr(0, end), ids, [this](std::string_view word, std::vector<TokenId>& out) {
      std::vector<SubwordToken> tokens;
      encode_word(word, tokens);
      for (const auto& token : tokens) out.push_back(token.id);
    });
    // A run of unknown characters is one token, also across words.
    if (before > start && ids[before] == unknown_ && ids[before - 1] == unknown_)
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(before));
    text.remove_prefix(end);
  }
}

void ScoredBpeModel::encode_traced(std::string_view text, std::vector<SubwordToken>& tokens) const {
  const size_t start = tokens.size();
  std::vector<SubwordToken> found;
  for (size_t begin = 0; begin < text.size();) {
    const std::string_view rest = text.substr(begin);
    const std::string_view word = rest.substr(0, cuttable_ ? word_end(rest) : rest.size());
    found.clear();
    encode_word(word, found);
    for (auto& [id, range] : found) {
      range = {range.begin + begin, range.end + begin};
      if (id == unknown_ && tokens.size() > start && tokens.back().id == unknown_)
        tokens.back().range.end = range.end;
      else
        tokens.push_back({id, range});
    }
    begin += word.size();
  }
}

void ScoredBpeModel::encode_word(std::string_view word, std::vector<SubwordToken>& tokens) const {
  std::vector<TokenId> symbols;
  symbols.reserve(word.size());
  for (size_t at = 0; at < word.size();) {
    const auto [length, id] = user_defined_.longest(word.substr(at));
    if (length > 0) {
      symbols.push_back(id);
      at += length;
    } else {
      const auto known = characters_.find(next_character(word, at));
      symbols.push_back(known == characters_.end() ? stranger : known->second);
    }
  }
  SymbolSplits splits;
  merge_symbols(symbols, merges_, has_unused_ ? &splits : nullptr);
  size_t begin = 0;
  for (const TokenId symbol : symbols) begin += append_split(symbol, word, begin, splits, tokens);
}

size_t ScoredBpeModel::symbol_bytes(TokenId symbol, std::string_view text) const {
  const std::string* piece = vocabulary_.token(symbol);
  return piece != nullptr ? piece->size() : utf8_length(text[0]);
}

// Appends the ids of `symbol`, which is at `begin` of `word`, and tells how many bytes it has. An unused piece is
// split into the symbols that it would have been merged from.
size_t ScoredBpeModel::append_split(TokenId symbol, std::string_view word, size_t begin,
                                    const SymbolSplits& splits, std::vector<SubwordToken>& tokens) const {
  const size_t size = symbol_bytes(symbol, word.substr(begin));
  std::vector<std::pair<TokenId, TextRange>> waiting = {{symbol, {begin, begin + size}}};
  while (!waiting.empty()) {
    const auto [id, range] = waiting.back();
    waiting.pop_back();
    const bool unused = id < vocabulary_.end() && unused_[static_cast<size_t>(id)];
    const auto split = unused ? splits.find(id) : splits.end();
    if (split == splits.end()) {
      append(id, word, range, tokens);
      continue;
    }
    const auto [left, right] = split->second;
    const size_t cut = range.begin + symbol_bytes(left, word.substr(range.begin));
    waiting.push_back({right, {cut, range.end}});
    waiting.push_back({left, {range.begin, cut}});
  }
  return size;
}

void ScoredBpeModel::append(TokenId symbol, std::string_view word, TextRange range,
                            std::vector<SubwordToken>& tokens) const {
  if (symbol < vocabulary_.end() && symbol != unknown_) return tokens.push_back({symbol, range});
  std::vector<TokenId> bytes;
  if (byte_fallback_ && byte_tokens_.append(word.substr(range.begin, range.end - range.begin), bytes)) {
    for (size_t i = 0; i < bytes.size(); ++i)
      tokens.push_back({bytes[i], {range.begin + i, range.begin + i + 1}});
  } else if (tokens.empty() || tokens.back().id != unknown_) {
    tokens.push_back({unknown_, range});
  } else {
    tokens.back().range.end = range.end;  // runs of unknown characters are one token
  }
}

}  // namespace coppice
