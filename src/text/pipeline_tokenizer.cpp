#include "text/pipeline_tokenizer.h"

#include <algorithm>

#include "base/strings.h"
#include "text/byte_alphabet.h"

namespace coppice {
namespace {

// Every malformed byte becomes U+FFFD.
void mend_utf8(Rewrite& rewrite) {
  const std::string_view text = rewrite.source();
  size_t kept = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_sequence(text.substr(at));
    if (length == 0) {
      rewrite.keep(kept, at);
      rewrite.put("\uFFFD", {at, at + 1});
      kept = at + 1;
    }
    at += std::max<size_t>(1, length);
  }
  rewrite.keep(kept, text.size());
}

// `range` of `text` without the spaces at its ends. (Of white space only ' ' goes: so does Hugging Face.)
TextRange without_spaces(std::string_view text, TextRange range) {
  while (range.begin < range.end && text[range.begin] == ' ') ++range.begin;
  while (range.begin < range.end && text[range.end - 1] == ' ') --range.end;
  return range;
}

}  // namespace

PipelineTokenizer::PipelineTokenizer(Parts parts, const std::string& where)
    : parts_(std::move(parts)),
      added_(
          parts_.added_tokens, parts_.model->vocabulary(),
          [this](std::string_view text) { return normalize(text); }, where),
      where_(where) {
  if (!parts_.post_processor) return;
  for (const auto* places : {&parts_.post_processor->single, &parts_.post_processor->pair})
    for (const auto& part : *places)
      if (part.text == Encoding::added && added_.find(part.id) == nullptr &&
          parts_.model->vocabulary().token(part.id) == nullptr)
        throw Error({.where = where + ".post_processor",
                     .found = fmt::format("adds token id {}", part.id),
                     .expected = "an id of the vocabulary"});
}

std::string PipelineTokenizer::normalize(std::string_view text) const {
  return parts_.normalizer ? normalized(*parts_.normalizer, text) : std::string(text);
}

bool PipelineTokenizer::keeps_bytes() const {
  return (parts_.pre_tokenizer && parts_.pre_tokenizer->keeps_bytes()) ||
         (parts_.normalizer && parts_.normalizer->keeps_bytes());
}

std::vector<TokenId> PipelineTokenizer::encode(std::string_view text, bool add_special) const {
  Output output;
  const bool adds = add_special && parts_.post_processor;
  const std::vector<TemplatePart> bare = {{.text = 0}};
  for (const auto& part : adds ? parts_.post_processor->single : bare) {
    if (part.text == Encoding::added)
      output.ids.push_back(part.id);
    else
      encode_text(text, output);
  }
  return std::move(output.ids);
}

Encoding PipelineTokenizer::trace(std::string_view text) const {
  Encoding encoding;
  Output output{.traced = &encoding, .text = text};
  encode_text(text, output);
  return encoding;
}

std::vector<TemplatePart> PipelineTokenizer::text_template(bool pair) const {
  if (!parts_.post_processor) return Tokenizer::text_template(pair);
  return pair ? parts_.post_processor->pair : parts_.post_processor->single;
}

EncodeOptions PipelineTokenizer::file_options() const {
  return {.truncation = parts_.truncation, .padding = parts_.padding};
}

// Well-formed UTF-8, and then stretches between added tokens that are looked for before normalization.
void PipelineTokenizer::encode_text(std::string_view text, Output& output) const {
  Rewrite mending(text, output.traced != nullptr);
  if (keeps_bytes())
    shelter_bytes(mending);
  else
    mend_utf8(mending);
  const TracedText clean{mending.take_text(), mending.take_origins()};
  for (const auto& [range, token] : added_.raw().cut(clean.text)) {
    if (token >= 0)
      add_token(token, clean.origins, range, output);
    else
      encode_stretch(clean.part(range), range.begin == 0, output);
  }
}

void PipelineTokenizer::encode_stretch(TracedText stretch, bool at_start, Output& output) const {
  if (parts_.normalizer)
    stretch = rewritten(stretch, [this](Rewrite& rewrite) { parts_.normalizer->apply(rewrite); });
  for (const auto& [range, token] : added_.normalized().cut(stretch.text)) {
    if (token >= 0)
      add_token(token, stretch.origins, range, output);
    else
      encode_normalized(stretch.part(range), at_start && range.begin == 0, output);
  }
}

void PipelineTokenizer::encode_normalized(TracedText text, bool at_start, Output& output) const {
  Piece whole{std::move(text.text), at_start, std::move(text.origins)};
  if (!parts_.pre_tokenizer) return encode_word(whole, output);
  std::vector<Piece> words;
  parts_.pre_tokenizer->cut(std::move(whole), words);
  for (const auto& word : words)
    if (!word.text.empty()) encode_word(word, output);
}

void PipelineTokenizer::encode_word(const Piece& word, Output& output) const {
  if (output.traced == nullptr) return parts_.model->encode(word.text, output.ids);
  std::vector<SubwordToken> tokens;
  parts_.model->encode_traced(word.text, tokens);
  const bool trims = parts_.post_processor && parts_.post_processor->trims_offsets;
  for (const auto& [id, range] : tokens) {
    add_token(id, word.origins, range, output);
    if (trims) output.traced->offsets.back() = without_spaces(output.text, output.traced->offsets.back());
  }
}

void PipelineTokenizer::add_token(TokenId id, const Origins& origins, TextRange range, Output& output) const {
  if (output.traced == nullptr)
    output.ids.push_back(id);
  else
    output.traced->push_back(id, origin_of(origins, range), 0, 0);
}

std::string PipelineTokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    std::string spelling = token(id);
    if (!(skip_special && is_special(id))) tokens.push_back(std::move(spelling));
  }
  if (parts_.decoder && !tokens.empty()) tokens = parts_.decoder->apply(std::move(tokens));
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !parts_.decoder) text += ' ';
    text += tokens[i];
  }
  return text;
}

int64_t PipelineTokenizer::vocabulary() const {
  return std::max(added_.end(), parts_.model->vocabulary().end());
}

std::optional<TokenId> PipelineTokenizer::find(std::string_view token) const {
  if (const auto* added = added_.find(token)) return added->id;
  return parts_.model->vocabulary().find(token);
}

std::string PipelineTokenizer::token(TokenId id) const {
  if (const auto* added = added_.find(id)) return added->content;
  if (const auto* spelling = parts_.model->vocabulary().token(id)) return *spelling;
  throw Error({.where = where_,
               .found = fmt::format("token id {}", id),
               .expected = fmt::format("an id of the vocabulary, which ends at {}", vocabulary() - 1)});
}

bool PipelineTokenizer::is_special(TokenId id) const {
  const auto* added = added_.find(id);
  return added != nullptr && added->special;
}

}  // namespace coppice
