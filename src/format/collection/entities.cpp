#include "format/collection/entities.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include <gumbo.h>

#include "base/strings.h"

namespace coppice {
namespace {

// What an HTML parser makes of one reference, or the reference itself.
std::string meaning(const std::string& reference) {
  const std::string page = "<!doctype html><body>" + reference;
  GumboOutput* parsed = gumbo_parse_with_options(&kGumboDefaultOptions, page.data(), page.size());
  std::string text = reference;
  const GumboNode* node = parsed->root;
  while (node->type == GUMBO_NODE_ELEMENT && node->v.element.children.length > 0)
    node = static_cast<const GumboNode*>(node->v.element.children.data[node->v.element.children.length - 1]);
  if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_WHITESPACE) text = node->v.text.text;
  gumbo_destroy_output(&kGumboDefaultOptions, parsed);
  return to_utf8(text);
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string decode_entities(std::string_view text) {
  constexpr size_t longest = 33, remembered = 4096;
  static thread_local std::unordered_map<std::string, std::string> known;
  std::string decoded;
  decoded.reserve(text.size());
  for (;;) {
    const size_t ampersand = text.find('&');
    decoded += text.substr(0, ampersand);
    if (ampersand == text.npos) return decoded;
    text.remove_prefix(ampersand);
    size_t end = 1 + (text.size() > 1 && text[1] == '#');
    while (end < text.size() && end < longest && is_letter_or_digit(text[end])) ++end;
    if (end < text.size() && text[end] == ';') ++end;
    if (end <= 1) {
      decoded += '&';
      text.remove_prefix(1);
      continue;
    }
    const std::string reference(text.substr(0, end));
    auto found = known.find(reference);
    if (found == known.end()) {
      if (known.size() == remembered) known.clear();
      found = known.emplace(reference, meaning(reference)).first;
    }
    decoded += found->second;
    text.remove_prefix(end);
  }
}

}  // namespace coppice
