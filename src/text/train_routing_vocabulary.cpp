#include "text/train_routing_vocabulary.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "text/analysis/word_break.h"

namespace coppice {
namespace {

using Sequence = std::vector<TokenId>;

struct SequenceHash {
  size_t operator()(const Sequence& sequence) const {
    uint64_t hash = 1469598103934665603ULL;  // FNV-1a
    for (const TokenId id : sequence) hash = (hash ^ static_cast<uint32_t>(id)) * 1099511628211ULL;
    return hash;
  }
};
using Counts = std::unordered_map<Sequence, int64_t, SequenceHash>;

Sequence tokens_of(const WordsOfText& text, size_t begin, size_t end) {
  return {text.ids.begin() + static_cast<std::ptrdiff_t>(begin),
          text.ids.begin() + static_cast<std::ptrdiff_t>(end)};
}

int64_t count_of(const Counts& counts, const Sequence& sequence) {
  const auto found = counts.find(sequence);
  return found == counts.end() ? 0 : found->second;
}

// How often each part occurs as a whole, and what parts begin with.
struct PartCounts {
  Counts whole, beginnings;
  int64_t words = 0;
};

PartCounts count_parts(std::span<const WordsOfText> texts, size_t longest) {
  PartCounts counts;
  for (const auto& text : texts)
    for (const auto& part : text.parts) {
      const size_t size = part.end - part.begin;
      for (size_t length = 1; length <= std::min(size, longest); ++length)
        ++counts.beginnings[tokens_of(text, part.begin, part.begin + length)];
      if (!part.word) continue;
      ++counts.whole[tokens_of(text, part.begin, part.end)];
      ++counts.words;
    }
  return counts;
}

// The names of `length` words, of which the first length - 1 are one of `shorter`.
Counts names_of(std::span<const WordsOfText> texts, const PartCounts& parts, const Counts& shorter,
                size_t length, const RoutingTraining& training) {
  constexpr double least_score = 100;
  struct Candidate {
    int64_t count = 0, shorter = 0, last = 0;
  };
  std::unordered_map<Sequence, Candidate, SequenceHash> candidates;
  for (const auto& text : texts)
    for (size_t first = 0; first + length <= text.parts.size(); ++first) {
      const auto words = std::span(text.parts).subspan(first, length);
      const size_t begin = words.front().begin, end = words.back().end;
      if (static_cast<int64_t>(end - begin) > training.longest ||
          !std::ranges::all_of(words, &WordsOfText::Part::word))
        continue;
      const int64_t before = count_of(shorter, tokens_of(text, begin, words.back().begin)),
                    last = count_of(parts.whole, tokens_of(text, words.back().begin, end));
      if (before < training.least_count || last < training.least_count) continue;
      auto& candidate = candidates[tokens_of(text, begin, end)];
      candidate = {candidate.count + 1, before, last};
    }
  Counts names;
  for (const auto& [sequence, candidate] : candidates) {
    const double excess = static_cast<double>(candidate.count - training.least_count);
    if (excess * static_cast<double>(parts.words) >
        least_score * static_cast<double>(candidate.shorter) * static_cast<double>(candidate.last))
      names[sequence] = candidate.count;
  }
  return names;
}

}  // namespace

WordsOfText words_of(std::string_view text, const Tokenizer& tokenizer) {
  const Encoding encoding = tokenizer.encode_full(text, std::nullopt, {.add_special = false});
  WordsOfText result{.ids = encoding.ids};
  constexpr size_t no_limit = SIZE_MAX;
  WordBreaker breaker(text, no_limit);
  Word word, next;
  bool more = breaker.next(next);
  bool inside = false;  // whether the last part is `word`
  for (size_t i = 0; i < encoding.size(); ++i) {
    const TextRange token = encoding.offsets[i];
    bool begins = false;
    while (more && next.begin < token.end) {
      word = next;
      begins = true;
      more = breaker.next(next);
    }
    const bool of_word = word.end > token.begin && word.begin < token.end;
    // A space that is a token of its own belongs to the word behind it, as it does in tokens that begin with one.
    const bool space_before =
        i > 0 && !inside &&
        text.substr(encoding.offsets[i - 1].begin, token.begin - encoding.offsets[i - 1].begin) == " ";
    if (of_word && ((inside && !begins) || space_before))
      result.parts.back() = {result.parts.back().begin, i + 1, true};
    else
      result.parts.push_back({i, i + 1, of_word});
    inside = of_word;
  }
  return result;
}

std::vector<Sequence> train_routing_vocabulary(std::span<const WordsOfText> texts,
                                               const RoutingTraining& training) {
  PartCounts parts = count_parts(texts, static_cast<size_t>(training.longest));
  Counts counts = std::move(parts.beginnings), names = parts.whole;
  for (int64_t length = 2; length <= training.name_words && !names.empty(); ++length) {
    names = names_of(texts, parts, names, static_cast<size_t>(length), training);
    for (const auto& [sequence, count] : names) counts[sequence] = std::max(counts[sequence], count);
  }
  std::vector<std::pair<int64_t, Sequence>> ranked;
  for (auto& [sequence, count] : counts)
    if (count >= training.least_count) ranked.emplace_back(-count, sequence);
  if (ranked.empty())
    throw Error({.where = "routing vocabulary",
                 .found = fmt::format("no word that occurs {} times", training.least_count),
                 .expected = "text with frequent words",
                 .advice = "give more text, or allow rarer words"});
  std::sort(ranked.begin(), ranked.end());
  ranked.resize(std::min(ranked.size(), static_cast<size_t>(std::max<int64_t>(0, training.entries - 1))));
  std::vector<Sequence> entries(1);
  for (auto& [ignored, sequence] : ranked) entries.push_back(std::move(sequence));
  return entries;
}

std::vector<int64_t> count_routing_ids(const RoutingVocabulary& vocabulary,
                                       std::span<const WordsOfText> texts, bool causal) {
  std::vector<int64_t> counts(static_cast<size_t>(vocabulary.size()));
  for (const auto& text : texts)
    for (const int32_t id : causal ? vocabulary.ending({}, text.ids) : vocabulary.covering(text.ids))
      ++counts[static_cast<size_t>(id)];
  return counts;
}

}  // namespace coppice
