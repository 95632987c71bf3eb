#include "index/search/snippet.h"

#include <algorithm>
#include <map>
#include <set>

namespace coppice {
namespace {

// Moves `at` to where a character begins.
size_t character_at(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return std::min(at, text.size());
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

}  // namespace

Snippet make_snippet(std::string_view text, const std::vector<QueryClause>& query, Analyzer& analyzer,
                     size_t width) {
  std::set<std::string, std::less<>> wanted;
  for (const QueryClause& clause : query)
    if (clause.role != QueryClause::Role::excluded)
      for (const auto& term : clause.terms) wanted.insert(term.text);
  AnalyzedText analyzed;
  analyzer.analyze(text, analyzed);
  std::vector<size_t> matches;
  for (size_t i = 0; i < analyzed.tokens.size(); ++i)
    if (wanted.contains(analyzed.term(i))) matches.push_back(i);

  // The window of matches with the most different words, then the most words; the first of equals.
  size_t best_begin = 0, best_end = 0;
  std::pair<size_t, size_t> best_value = {0, 0};
  std::map<std::string_view, size_t> inside;
  for (size_t begin = 0, end = 0; begin < matches.size(); ++begin) {
    const auto& first = analyzed.tokens[matches[begin]];
    for (; end < matches.size() && analyzed.tokens[matches[end]].end <= first.begin + width; ++end)
      ++inside[analyzed.term(matches[end])];
    if (end > begin && std::pair(inside.size(), end - begin) > best_value) {
      best_value = {inside.size(), end - begin};
      best_begin = first.begin;
      best_end = analyzed.tokens[matches[end - 1]].end;
    }
    if (end == begin) {
      ++end;
      continue;
    }
    if (const auto it = inside.find(analyzed.term(matches[begin])); --it->second == 0) inside.erase(it);
  }
  // The matches in the middle, and no word cut.
  const size_t spare = width > best_end - best_begin ? width - (best_end - best_begin) : 0;
  size_t begin = best_begin > spare / 2 ? best_begin - spare / 2 : 0;
  size_t end = std::min(text.size(), std::max(begin + width, best_end));
  if (end == text.size() && end - begin < width) begin = end > width ? std::min(begin, end - width) : 0;
  if (begin > 0)
    for (size_t i = begin; i < best_begin; ++i)
      if (is_space(text[i])) {
        begin = i + 1;
        break;
      }
  if (end < text.size())
    for (size_t i = end; i > std::max(best_end, begin); --i)
      if (is_space(text[i - 1])) {
        end = i - 1;
        break;
      }
  begin = character_at(text, begin);
  end = character_at(text, end);

  Snippet snippet;
  if (begin > 0) snippet.text = "…";
  std::vector<size_t> places(end - begin + 1);
  bool space = false;
  for (size_t i = begin; i < end; ++i) {
    // White space of any kind and length is one blank.
    if (is_space(text[i])) {
      places[i - begin] = snippet.text.size();
      space = true;
      continue;
    }
    if (space && i > begin && !snippet.text.empty()) snippet.text += ' ';
    space = false;
    places[i - begin] = snippet.text.size();
    snippet.text += text[i];
  }
  places[end - begin] = snippet.text.size();
  for (const size_t match : matches) {
    const auto& token = analyzed.tokens[match];
    if (token.begin < begin || token.end > end) continue;
    // A place that was white space stands before the blank.
    const size_t from = places[token.begin - begin], to = places[token.end - 1 - begin] + 1;
    if (snippet.highlights.empty() || snippet.highlights.back().second <= from)
      snippet.highlights.emplace_back(from, to);
  }
  if (end < text.size()) snippet.text += "…";
  return snippet;
}

std::string marked(const Snippet& snippet, std::string_view before, std::string_view after) {
  std::string text;
  size_t at = 0;
  for (const auto& [begin, end] : snippet.highlights) {
    text.append(snippet.text, at, begin - at)
        .append(before)
        .append(snippet.text, begin, end - begin)
        .append(after);
    at = end;
  }
  return text + snippet.text.substr(at);
}

}  // namespace coppice
