#include "text/pattern.h"

#include <algorithm>

namespace coppice {
namespace {

std::variant<std::string, Regex> make_matcher(const PatternOptions& options, const std::string& where) {
  if (options.string.has_value() == options.regex.has_value())
    throw Error(
        {.where = where, .found = "no pattern, or two", .expected = "{\"String\": …} or {\"Regex\": …}"});
  if (options.regex) return Regex(*options.regex, where);
  return *options.string;
}

std::vector<TextRange> find_literal(std::string_view text, std::string_view wanted) {
  std::vector<TextRange> found;
  if (wanted.empty()) return found;
  for (size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, at + wanted.size()))
    found.push_back({at, at + wanted.size()});
  return found;
}

// Joins every match with its neighbour on one side: a match grows the piece before it, unless that was a
// match too.
std::vector<TextRange> merge_backwards(const std::vector<Segment>& segments) {
  std::vector<TextRange> pieces;
  bool previous_match = false;
  for (const auto& [range, match] : segments) {
    if (match && !previous_match && !pieces.empty())
      pieces.back().end = range.end;
    else
      pieces.push_back(range);
    previous_match = match;
  }
  return pieces;
}

std::vector<TextRange> merge_forwards(const std::vector<Segment>& segments) {
  std::vector<TextRange> pieces;
  bool previous_match = false;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (segment->match && !previous_match && !pieces.empty())
      pieces.back().begin = segment->range.begin;
    else
      pieces.push_back(segment->range);
    previous_match = segment->match;
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<TextRange> merge_equals(const std::vector<Segment>& segments) {
  std::vector<TextRange> pieces;
  bool previous_match = false;
  for (const auto& [range, match] : segments) {
    if (match == previous_match && !pieces.empty())
      pieces.back().end = range.end;
    else
      pieces.push_back(range);
    previous_match = match;
  }
  return pieces;
}

std::vector<TextRange> keep(const std::vector<Segment>& segments, bool matches) {
  std::vector<TextRange> pieces;
  for (const auto& [range, match] : segments)
    if (matches || !match) pieces.push_back(range);
  return pieces;
}

}  // namespace

std::vector<Segment> cover(const std::vector<TextRange>& matches, size_t size) {
  std::vector<Segment> segments;
  size_t behind = 0;
  for (const auto& match : matches) {
    if (behind != match.begin) segments.push_back({{behind, match.begin}, false});
    segments.push_back({match, true});
    behind = match.end;
  }
  if (behind != size) segments.push_back({{behind, size}, false});
  return segments;
}

std::vector<TextRange> split_by(const std::vector<Segment>& segments, SplitBehavior behavior) {
  std::vector<TextRange> pieces;
  switch (behavior) {
    case SplitBehavior::removed:
      pieces = keep(segments, false);
      break;
    case SplitBehavior::isolated:
      pieces = keep(segments, true);
      break;
    case SplitBehavior::merged_with_previous:
      pieces = merge_backwards(segments);
      break;
    case SplitBehavior::merged_with_next:
      pieces = merge_forwards(segments);
      break;
    case SplitBehavior::contiguous:
      pieces = merge_equals(segments);
      break;
  }
  std::erase_if(pieces, [](const TextRange& piece) { return piece.begin == piece.end; });
  return pieces;
}

Pattern::Pattern(const PatternOptions& options, const std::string& where)
    : matcher_(make_matcher(options, where)) {}

std::vector<TextRange> Pattern::find_all(std::string_view text) const {
  if (const auto* regex = std::get_if<Regex>(&matcher_)) return regex->find_all(text);
  return find_literal(text, std::get<std::string>(matcher_));
}

void Pattern::replace_all(Rewrite& rewrite, std::string_view content) const {
  size_t behind = 0;
  for (const auto& match : find_all(rewrite.source())) {
    rewrite.keep(behind, match.begin);
    rewrite.put(content, match);
    behind = match.end;
  }
  rewrite.keep(behind, rewrite.source().size());
}

std::string Pattern::replace_all(std::string_view text, std::string_view content) const {
  Rewrite rewrite(text, false);
  replace_all(rewrite, content);
  return rewrite.take_text();
}

}  // namespace coppice
