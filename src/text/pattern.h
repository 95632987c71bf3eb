#pragma once
// Splitting a text by a pattern: {"String": …} or {"Regex": …}, with the behaviours of Hugging Face
// tokenizers.

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/fields.h"
#include "text/regex.h"
#include "text/rewrite.h"

namespace coppice {

struct PatternOptions {
  std::optional<std::string> string, regex;

  static void fields(auto& self, auto&& field) {
    field("String", self.string, Field{.help = "text that is matched literally"});
    field("Regex", self.regex, Field{.help = "regular expression, Oniguruma's Ruby syntax"});
  }
};

// What becomes of a match.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

template <>
struct EnumNames<SplitBehavior> {
  static constexpr auto values = std::to_array<std::pair<SplitBehavior, const char*>>(
      {{SplitBehavior::removed, "Removed"},
       {SplitBehavior::isolated, "Isolated"},
       {SplitBehavior::merged_with_previous, "MergedWithPrevious"},
       {SplitBehavior::merged_with_next, "MergedWithNext"},
       {SplitBehavior::contiguous, "Contiguous"}});
};

// A stretch of text that matches or lies between matches.
struct Segment {
  TextRange range;
  bool match = false;
};

// The matches and what lies between them, in order, covering the text of `size` bytes.
std::vector<Segment> cover(const std::vector<TextRange>& matches, size_t size);

// One segment per character, a match where `matches(character)`.
template <class Predicate>
std::vector<Segment> classify(std::string_view text, Predicate matches);

// The pieces that remain of a text cut into `segments`; empty ones are left out.
std::vector<TextRange> split_by(const std::vector<Segment>& segments, SplitBehavior behavior);

class Pattern {
 public:
  Pattern(const PatternOptions& options, const std::string& where);

  std::vector<TextRange> find_all(std::string_view text) const;
  void replace_all(Rewrite& rewrite, std::string_view content) const;
  std::string replace_all(std::string_view text, std::string_view content) const;

 private:
  std::variant<std::string, Regex> matcher_;
};

}  // namespace coppice

#include "text/utf8.h"

namespace coppice {

template <class Predicate>
std::vector<Segment> classify(std::string_view text, Predicate matches) {
  std::vector<Segment> segments;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const bool match = matches(next_character(text, at));
    // Neighbours that do not match are one segment; every match is its own.
    if (!match && !segments.empty() && !segments.back().match)
      segments.back().range.end = at;
    else
      segments.push_back({{begin, at}, match});
  }
  return segments;
}

}  // namespace coppice
