#include "text/added_tokens.h"

#include <algorithm>

#include "text/utf8.h"

namespace coppice {
namespace {

bool word_before(std::string_view text, size_t at) {
  if (at == 0) return false;
  size_t before = previous_character(text, at);
  return is_word(next_character(text, before));
}

bool word_behind(std::string_view text, size_t at) {
  return at < text.size() && is_word(next_character(text, at));
}

size_t skip_space_before(std::string_view text, size_t at, size_t limit) {
  while (at > limit) {
    const size_t before = previous_character(text, at);
    size_t behind = before;
    if (!is_space(next_character(text, behind))) break;
    at = before;
  }
  return std::max(at, limit);
}

size_t skip_space_behind(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t behind = at;
    if (!is_space(next_character(text, behind))) break;
    at = behind;
  }
  return at;
}

}  // namespace

void TokenFinder::add(const AddedToken& token, std::string_view spelling) {
  if (spelling.empty()) return;
  starts_[static_cast<unsigned char>(spelling[0])] = true;
  uint32_t node = 0;
  for (const char c : spelling) {
    const auto next = static_cast<uint32_t>(ends_.size());
    const auto [edge, fresh] = children_.emplace(uint64_t{node} << 8 | static_cast<unsigned char>(c), next);
    if (fresh) ends_.push_back(-1);
    node = edge->second;
  }
  ends_[node] = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
}

int32_t TokenFinder::longest_at(std::string_view text, size_t at, size_t& end) const {
  int32_t longest = -1;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const auto edge = children_.find(uint64_t{node} << 8 | static_cast<unsigned char>(text[i]));
    if (edge == children_.end()) break;
    node = edge->second;
    if (ends_[node] < 0) continue;
    longest = ends_[node];
    end = i + 1;
  }
  return longest;
}

std::vector<TextPart> TokenFinder::cut(std::string_view text) const {
  std::vector<TextPart> parts;
  size_t behind = 0;  // everything before is in `parts`
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    const int32_t found = starts_[static_cast<unsigned char>(text[at])] ? longest_at(text, at, end) : -1;
    if (found < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(found)];
    const bool inside_word = token.single_word && (word_before(text, at) || word_behind(text, end));
    const size_t begin = token.lstrip ? skip_space_before(text, at, behind) : at;
    at = end;
    if (inside_word) continue;
    if (token.rstrip) at = skip_space_behind(text, end);
    if (behind < begin) parts.push_back({{behind, begin}});
    parts.push_back({{begin, at}, token.id});
    behind = at;
  }
  if (behind < text.size()) parts.push_back({{behind, text.size()}});
  return parts;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Vocabulary& vocabulary,
                         const std::function<std::string(std::string_view)>& normalize,
                         const std::string& where) {
  for (const auto& token : tokens) {
    const auto clash = [&](const std::string& other) {
      return Error({.where = where,
                    .found = fmt::format("added token '{}' has id {}", token.content, token.id),
                    .expected = fmt::format("one id per token, but {}", other)});
    };
    const auto known = vocabulary.find(token.content);
    if (known && *known != token.id) throw clash(fmt::format("its id in the vocabulary is {}", *known));
    if (const auto* other = vocabulary.token(token.id); other != nullptr && *other != token.content)
      throw clash(fmt::format("the vocabulary gives that to '{}'", *other));
    if (!by_content_.emplace(token.content, token.id).second) throw clash("the token is added twice");
    if (!by_id_.emplace(token.id, token).second) throw clash("another added token has that");
    end_ = std::max(end_, token.id + 1);
    if (token.normalized)
      normalized_.add(token, normalize(token.content));
    else
      raw_.add(token, token.content);
  }
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? nullptr : find(found->second);
}

}  // namespace coppice
