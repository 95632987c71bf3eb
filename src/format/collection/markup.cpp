#include "format/collection/markup.h"

#include <algorithm>

#include "format/collection/entities.h"

namespace coppice {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

}  // namespace

std::string to_lower_ascii(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  return lowered;
}

size_t find_ignoring_case(std::string_view text, std::string_view wanted, size_t from) {
  const char first[] = {wanted[0], static_cast<char>(is_letter(wanted[0]) ? wanted[0] - 32 : wanted[0])};
  for (size_t at = from;; ++at) {
    at = text.find_first_of(std::string_view(first, 2), at);
    if (at == text.npos || text.size() - at < wanted.size()) return text.npos;
    if (std::equal(wanted.begin(), wanted.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                   [](char a, char b) { return a == lower(b); }))
      return at;
  }
}

std::string squeezed(std::string_view text) {
  std::string into;
  bool gap = false;
  for (const char c : text) {
    if (is_space(c)) {
      gap = !into.empty();
      continue;
    }
    if (gap) into += ' ';
    gap = false;
    into += c;
  }
  return into;
}

// A '>' within quotes does not end a tag. Quotes that are never closed are no quotes.
size_t MarkupReader::end_of_tag(size_t from) const {
  constexpr size_t longest = 2048;
  const std::string_view tag = text_.substr(from, longest);
  for (size_t at = 0;;) {
    at = tag.find_first_of("\"'>", at);
    if (at == tag.npos) return std::min(text_.find('>', from), text_.size());
    if (tag[at] == '>') return from + at;
    const bool value = at > 0 && tag.substr(0, at).find_last_not_of(" \t\r\n") != tag.npos &&
                       tag[tag.substr(0, at).find_last_not_of(" \t\r\n")] == '=';
    const size_t close = value ? tag.find(tag[at], at + 1) : tag.npos;
    at = close == tag.npos ? at + 1 : close + 1;
  }
}

// At "<!" or "<?": behind it.
bool MarkupReader::skip_declaration() {
  const std::string_view rest = text_.substr(at_);
  if (rest.starts_with("<!--")) {
    const size_t end = text_.find("-->", at_ + 4);
    at_ = end == text_.npos ? text_.size() : end + 3;
    return true;
  }
  if (rest.starts_with("<![CDATA[")) return false;
  const size_t end = text_.find('>', at_);
  at_ = end == text_.npos ? text_.size() : end + 1;
  return true;
}

bool MarkupReader::next(MarkupToken& token) {
  while (at_ < text_.size()) {
    const char after = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
    if (text_[at_] == '<' && (after == '!' || after == '?')) {
      if (skip_declaration()) continue;
      const size_t begin = at_ + 9, end = std::min(text_.find("]]>", begin), text_.size());
      token.kind = MarkupToken::text;
      token.content = text_.substr(begin, end - begin);
      at_ = std::min(end + 3, text_.size());
      return true;
    }
    const bool ends = after == '/';
    const size_t name = at_ + 1 + ends;
    if (text_[at_] == '<' && name < text_.size() && is_letter(text_[name])) {
      size_t name_end = name;
      while (name_end < text_.size() && !is_space(text_[name_end]) && text_[name_end] != '>' &&
             text_[name_end] != '/')
        ++name_end;
      const size_t end = end_of_tag(name_end);
      token.kind = ends ? MarkupToken::end_tag : MarkupToken::begin_tag;
      token.name = to_lower_ascii(text_.substr(name, std::min<size_t>(name_end - name, 64)));
      token.content = text_.substr(name_end, end - name_end);
      at_ = std::min(end + 1, text_.size());
      return true;
    }
    size_t end = at_ + 1;
    for (;; ++end) {
      end = std::min(text_.find('<', end), text_.size());
      if (end + 1 >= text_.size()) break;
      const char next = text_[end + 1];
      if (is_letter(next) || next == '/' || next == '!' || next == '?') break;
    }
    if (end + 1 >= text_.size()) end = text_.size();
    token.kind = MarkupToken::text;
    token.content = text_.substr(at_, end - at_);
    at_ = end;
    return true;
  }
  return false;
}

std::string_view MarkupReader::raw_until(std::string_view name) {
  const std::string end_tag = "</" + std::string(name);
  const size_t begin = at_;
  at_ = std::min(find_ignoring_case(text_, end_tag, at_), text_.size());
  return text_.substr(begin, at_ - begin);
}

std::string attribute(std::string_view attributes, std::string_view name) {
  size_t at = 0;
  const auto skip_space = [&] {
    while (at < attributes.size() && (is_space(attributes[at]) || attributes[at] == '/')) ++at;
  };
  for (skip_space(); at < attributes.size(); skip_space()) {
    const size_t key = at;
    while (at < attributes.size() && !is_space(attributes[at]) && attributes[at] != '=') ++at;
    const std::string found = to_lower_ascii(attributes.substr(key, at - key));
    skip_space();
    if (at == attributes.size() || attributes[at] != '=') {
      if (at == key) ++at;
      continue;
    }
    ++at;
    skip_space();
    size_t end = at;
    if (at < attributes.size() && (attributes[at] == '"' || attributes[at] == '\'')) {
      end = std::min(attributes.find(attributes[at], at + 1), attributes.size());
      ++at;
    } else {
      while (end < attributes.size() && !is_space(attributes[end])) ++end;
    }
    end = std::max(end, at);
    if (found == name) return decode_entities(attributes.substr(at, end - at));
    at = std::min(end + 1, attributes.size());
  }
  return "";
}

}  // namespace coppice
