#include "text/tokenizer.h"

namespace coppice {
namespace {

constexpr std::string_view replacement = "\uFFFD";
// More tokens than a character can have; if they still end in U+FFFD, the output is malformed.
constexpr size_t max_held = 64;

}  // namespace

// Tokens before `held_` are given out; those from `context_` on are decoded again with the held ones, because
// a decoder may treat the first token of a text unlike later ones.
std::string StreamDecoder::push(TokenId id) {
  ids_.push_back(id);
  const std::string text = tokenizer_.decode(std::span(ids_).subspan(context_));
  if (text.ends_with(replacement) && ids_.size() - held_ < max_held) return "";
  return advance(text);
}

std::string StreamDecoder::finish() {
  std::string rest = advance(tokenizer_.decode(std::span(ids_).subspan(context_)));
  ids_.clear();
  context_text_.clear();
  context_ = held_ = 0;
  return rest;
}

std::string StreamDecoder::advance(const std::string& text) {
  // Malformed bytes can spoil what was well-formed before them; then the held tokens are decoded by
  // themselves.
  const std::string fresh = text.starts_with(context_text_)
                                ? text.substr(context_text_.size())
                                : tokenizer_.decode(std::span(ids_).subspan(held_));
  // The held tokens become the context, unless they have no text, as special ones: then the next would look
  // first.
  if (!fresh.empty()) {
    context_ = held_;
    context_text_ = tokenizer_.decode(std::span(ids_).subspan(context_));
  } else {
    context_text_ = text;
  }
  held_ = ids_.size();
  return fresh;
}

}  // namespace coppice
