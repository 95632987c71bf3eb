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

void SentencePieceNormalizer::append(std::string_view text, TextRange from, Rewrite& rewrite) const {
  for (size_t space; (space = text.find(' ')) != text.npos;) {
    rewrite.put(text.substr(0, space), from);
    rewrite.put(space_, from);
    text.remove_prefix(space + 1);
  }
  rewrite.put(text, from);
}

std::string SentencePieceNormalizer::apply(std::string_view text) const {
  Rewrite rewrite(text, false);
  apply(rewrite);
  return rewrite.take_text();
}

TracedText SentencePieceNormalizer::trace(std::string_view text) const {
  Rewrite rewrite(text, true);
  apply(rewrite);
  return {rewrite.take_text(), rewrite.take_origins()};
}

void SentencePieceNormalizer::apply(Rewrite& rewrite) const {
  const std::string_view text = rewrite.source();
  const bool tidies = spec_.remove_extra_whitespaces;
  size_t at = 0;
  while (tidies && at < text.size()) {
    const Step step = first_step(text.substr(at));
    if (step.text != " ") break;
    at += step.length;
  }
  if (at == text.size()) return;
  if (spec_.add_dummy_prefix && !suffix_) rewrite.put(space_, {at, at});
  bool after_space = tidies;
  while (at < text.size()) {
    const Step step = first_step(text.substr(at));
    std::string_view part = step.text;
    while (after_space && part.starts_with(' ')) part.remove_prefix(1);
    append(part, {at, at + step.length}, rewrite);
    if (!part.empty()) after_space = tidies && part.ends_with(' ');
    at += step.length;
  }
  while (tidies && rewrite.text().ends_with(space_)) rewrite.drop(space_.size());
  if (spec_.add_dummy_prefix && suffix_) rewrite.put(space_, {text.size(), text.size()});
}

}  // namespace coppice
