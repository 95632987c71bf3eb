#include "lab/world/grammar.h"

#include <cctype>

#include "base/error.h"

namespace coppice::lab {
namespace {

constexpr int deepest = 12;  // from here on, recursive rules take their first alternative

bool is_name(char c) {
  return std::islower(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) ||
         c == '_';
}

// Position of the brace that closes the one at `open`; fills the starts and ends of the alternatives.
size_t split_choice(std::string_view text, size_t open, std::vector<std::string_view>& alternatives) {
  int level = 0;
  size_t start = open + 1;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{') ++level;
    if (text[i] == '}') --level;
    if ((text[i] == '|' && level == 1) || level == 0) {
      alternatives.push_back(text.substr(start, i - start));
      start = i + 1;
    }
    if (level == 0) return i;
  }
  COPPICE_CHECK(false, "no closing brace in: " + std::string(text));
  return text.size();
}

}  // namespace

Grammar::Grammar(std::vector<Rule> rules) {
  for (auto& [name, templates] : rules) {
    COPPICE_CHECK(!templates.empty(), std::string(name));
    COPPICE_CHECK(rules_.emplace(name, std::move(templates)).second, std::string(name));
  }
}

void Grammar::expand(std::string_view text, const Slots& slots, Rng& rng, std::string& out, int depth) const {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      std::vector<std::string_view> alternatives;
      i = split_choice(text, i, alternatives);
      expand(rng.pick(alternatives), slots, rng, out, depth);
    } else if (text[i] == '[') {
      const size_t close = text.find(']', i);
      COPPICE_CHECK(close != std::string_view::npos, std::string(text));
      const auto rule = rules_.find(text.substr(i + 1, close - i - 1));
      COPPICE_CHECK(rule != rules_.end(), "no rule for: " + std::string(text.substr(i)));
      const auto& templates = rule->second;
      expand(depth < deepest ? rng.pick(templates) : templates[0], slots, rng, out, depth + 1);
      i = close;
    } else if (text[i] == '$') {
      size_t end = i + 1;
      while (end < text.size() && is_name(text[end])) ++end;
      const auto name = text.substr(i + 1, end - i - 1);
      const std::string* value = nullptr;
      for (const auto& [known, content] : slots)
        if (known == name) value = &content;
      COPPICE_CHECK(value != nullptr, "no slot " + std::string(name) + " for: " + std::string(text));
      out += *value;
      i = end - 1;
    } else {
      out += text[i];
    }
  }
}

std::string Grammar::expand(std::string_view text, const Slots& slots, Rng& rng) const {
  std::string out;
  expand(text, slots, rng, out);
  return out;
}

void finish(std::string& text, size_t from) {
  size_t to = from;
  bool capital = false;
  for (size_t i = from; i < text.size(); ++i) {
    char c = text[i];
    if (c == '^') {
      capital = true;
      continue;
    }
    if (c == '~') {
      size_t next = i + 1;
      while (next < text.size() && !std::isalpha(static_cast<unsigned char>(text[next]))) ++next;
      const char first =
          next < text.size() ? static_cast<char>(std::tolower(static_cast<unsigned char>(text[next]))) : 'x';
      if (std::string_view("aeiou").find(first) == std::string_view::npos) continue;
      c = 'n';
    }
    if (capital && std::isalpha(static_cast<unsigned char>(c))) {
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      capital = false;
    }
    text[to++] = c;
  }
  text.resize(to);
}

}  // namespace coppice::lab
