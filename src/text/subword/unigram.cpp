#include "text/subword/unigram.h"

#include <algorithm>

#include "text/utf8.h"

namespace coppice {
namespace {

constexpr size_t unreached = std::string_view::npos;

// The best path so far that ends at a place.
template <class Sum>
struct PathEnd {
  Sum sum = 0;
  TokenId id = -1;  // of its last segment
  size_t begin = unreached;
};

PieceTrie trie_of(const Vocabulary& vocabulary, const std::vector<std::optional<double>>& scores) {
  std::vector<PieceTrie::Entry> entries;
  for (size_t id = 0; id < scores.size(); ++id) {
    const std::string* piece = vocabulary.token(static_cast<TokenId>(id));
    if (scores[id] && !piece->empty()) entries.emplace_back(*piece, static_cast<int32_t>(id));
  }
  return PieceTrie(std::move(entries));
}

}  // namespace

UnigramModel::UnigramModel(UnigramOptions options, Vocabulary vocabulary,
                           std::vector<std::optional<double>> scores, std::string where)
    : options_(options),
      vocabulary_(std::move(vocabulary)),
      trie_(trie_of(vocabulary_, scores)),
      byte_tokens_(vocabulary_),
      where_(std::move(where)) {
  for (const auto& score : scores) scores_.push_back(score.value_or(0));
}

template <class Sum>
std::vector<UnigramModel::Segment> UnigramModel::best_segments(std::string_view word) const {
  std::vector<PathEnd<Sum>> ends(word.size() + 1);
  for (size_t begin = 0; begin < word.size();) {
    const Sum sum_here = ends[begin].sum;
    const size_t character = std::min(utf8_length(word[begin]), word.size() - begin);
    bool covered = false;
    const auto offer = [&](size_t length, TokenId id, auto sum) {
      PathEnd<Sum>& end = ends[begin + length];
      if (end.begin == unreached || sum > end.sum) end = {static_cast<Sum>(sum), id, begin};
    };
    trie_.prefixes(word.substr(begin), [&](size_t length, TokenId id) {
      offer(length, id, scores_[static_cast<size_t>(id)] + static_cast<double>(sum_here));
      covered = covered || length == character;
    });
    if (!covered)
      offer(character, -1, static_cast<Sum>(options_.unknown_score + static_cast<double>(sum_here)));
    begin += character;
  }
  std::vector<Segment> segments;
  for (size_t end = word.size(); end > 0; end = ends[end].begin)
    segments.push_back({ends[end].begin, end, ends[end].id});
  std::reverse(segments.begin(), segments.end());
  return segments;
}

void UnigramModel::encode(std::string_view word, std::vector<TokenId>& ids) const {
  cache_.append(word, ids,
                [this](std::string_view text, std::vector<TokenId>& out) { encode_new(text, out); });
}

void UnigramModel::encode_new(std::string_view word, std::vector<TokenId>& ids) const {
  for_each_part(word, [&](TokenId id, TextRange range) {
    if (id >= 0)
      ids.push_back(id);
    else
      append_unknown(word.substr(range.begin, range.end - range.begin), ids);
  });
}

void UnigramModel::encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const {
  std::vector<TokenId> ids;
  for_each_part(word, [&](TokenId id, TextRange range) {
    if (id >= 0) return tokens.push_back({id, range});
    ids.clear();
    append_unknown(word.substr(range.begin, range.end - range.begin), ids);
    for (const TokenId part : ids) tokens.push_back({part, range});
  });
}

// Calls visit(id, range) for every piece of the best cut, with id -1 for every run of unknown characters.
template <class Visit>
void UnigramModel::for_each_part(std::string_view word, Visit visit) const {
  const auto segments = options_.style == UnigramStyle::sentencepiece ? best_segments<float>(word)
                                                                      : best_segments<double>(word);
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto is_unknown = [&](TokenId id) { return id < 0 || id == options_.unknown; };
    if (!is_unknown(segments[i].id)) {
      visit(segments[i].id, TextRange{segments[i].begin, segments[i].end});
      continue;
    }
    const size_t begin = segments[i].begin;
    while (i + 1 < segments.size() && is_unknown(segments[i + 1].id)) ++i;
    visit(TokenId{-1}, TextRange{begin, segments[i].end});
  }
}

void UnigramModel::append_unknown(std::string_view run, std::vector<TokenId>& ids) const {
  if (!options_.unknown)
    throw Error({.where = where_,
                 .found = fmt::format("'{}', which no piece covers", run.substr(0, utf8_length(run[0]))),
                 .expected = "a vocabulary with an unk_id"});
  if (options_.style == UnigramStyle::hugging_face)
    if (const auto id = vocabulary_.find(run)) return ids.push_back(*id);
  if (!(options_.byte_fallback && byte_tokens_.append(run, ids))) ids.push_back(*options_.unknown);
}

}  // namespace coppice
