#include "text/pipeline_tokenizer.h"

#include <algorithm>

#include "base/strings.h"
#include "text/byte_alphabet.h"

namespace coppice {

PipelineTokenizer::PipelineTokenizer(Parts parts, const std::string& where)
    : parts_(std::move(parts)),
      added_(
          parts_.added_tokens, parts_.model->vocabulary(),
          [this](std::string_view text) { return normalize(text); }, where),
      where_(where) {
  std::vector<TokenId> promised;
  if (parts_.post_processor) parts_.post_processor->list_added(promised);
  for (const TokenId id : promised)
    if (added_.find(id) == nullptr && parts_.model->vocabulary().token(id) == nullptr)
      throw Error({.where = where + ".post_processor",
                   .found = fmt::format("adds token id {}", id),
                   .expected = "an id of the vocabulary"});
}

std::string PipelineTokenizer::normalize(std::string_view text) const {
  return parts_.normalizer ? parts_.normalizer->apply(text) : std::string(text);
}

std::vector<TokenId> PipelineTokenizer::encode(std::string_view text, bool add_special) const {
  const bool keeps_bytes = parts_.pre_tokenizer && parts_.pre_tokenizer->keeps_bytes();
  const std::string clean = keeps_bytes ? shelter_bytes(text) : to_utf8(text);
  std::vector<TokenId> ids;
  for (const auto& [range, token] : added_.raw().cut(clean)) {
    if (token >= 0)
      ids.push_back(token);
    else
      encode_stretch(std::string_view(clean).substr(range.begin, range.end - range.begin), range.begin == 0,
                     ids);
  }
  return add_special && parts_.post_processor ? parts_.post_processor->apply(std::move(ids)) : ids;
}

// A stretch of text between added tokens that are looked for before normalization.
void PipelineTokenizer::encode_stretch(std::string_view text, bool at_start,
                                       std::vector<TokenId>& ids) const {
  const std::string normalized = normalize(text);
  for (const auto& [range, token] : added_.normalized().cut(normalized)) {
    if (token >= 0)
      ids.push_back(token);
    else
      encode_normalized(normalized.substr(range.begin, range.end - range.begin), at_start && range.begin == 0,
                        ids);
  }
}

void PipelineTokenizer::encode_normalized(std::string text, bool at_start, std::vector<TokenId>& ids) const {
  if (!parts_.pre_tokenizer) return parts_.model->encode(text, ids);
  std::vector<Piece> words;
  parts_.pre_tokenizer->cut({std::move(text), at_start}, words);
  for (const auto& word : words)
    if (!word.text.empty()) parts_.model->encode(word.text, ids);
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
