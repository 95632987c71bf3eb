#include "text/sentencepiece/normalizer.h"

#include "base/strings.h"

namespace coppice {
namespace {

PieceTrie user_defined_of(const std::vector<ScoredPiece>& pieces) {
  std::vector<PieceTrie::Entry> entries;
  for (const auto& piece : pieces)
    if (piece.kind == PieceKind::user_defined) entries.emplace_back(piece.text, 0);
  return PieceTrie(std::move(entries));
}

}  // namespace

SentencePieceNormalizer::SentencePieceNormalizer(const SentencePieceNormalization& spec,
                                                 bool whitespace_as_suffix,
                                                 const std::vector<ScoredPiece>& pieces,
                                                 const std::string& where)
    : spec_(spec),
      suffix_(whitespace_as_suffix),
      map_(spec.charsmap, where),
      user_defined_(user_defined_of(pieces)),
      space_(spec.escape_whitespaces ? "▁" : " ") {}

SentencePieceNormalizer::Step SentencePieceNormalizer::first_step(std::string_view text) const {
  if (!user_defined_.empty())
    if (const size_t length = user_defined_.longest(text).first; length > 0)
      return {length, text.substr(0, length)};
  if (const auto match = map_.longest(text); match.length > 0) return {match.length, match.text};
  const size_t length = utf8_sequence(text);
  return length > 0 ? Step{length, text.substr(0, length)} : Step{1, "\uFFFD"};
}

void SentencePieceNormalizer::append(std::string_view text, std::string& result) const {
  for (const char c : text) {
    if (c == ' ')
      result += space_;
    else
      result += c;
  }
}

std::string SentencePieceNormalizer::apply(std::string_view text) const {
  const bool tidies = spec_.remove_extra_whitespaces;
  while (tidies && !text.empty()) {
    const Step step = first_step(text);
    if (step.text != " ") break;
    text.remove_prefix(step.length);
  }
  std::string result;
  if (text.empty()) return result;
  result.reserve(text.size() + text.size() / 2);
  if (spec_.add_dummy_prefix && !suffix_) result += space_;
  bool after_space = tidies;
  while (!text.empty()) {
    const Step step = first_step(text);
    std::string_view part = step.text;
    while (after_space && part.starts_with(' ')) part.remove_prefix(1);
    append(part, result);
    if (!part.empty()) after_space = tidies && part.ends_with(' ');
    text.remove_prefix(step.length);
  }
  while (tidies && result.ends_with(space_)) result.resize(result.size() - space_.size());
  if (spec_.add_dummy_prefix && suffix_) result += space_;
  return result;
}

}  // namespace coppice
