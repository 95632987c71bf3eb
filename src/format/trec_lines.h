#pragma once
// What the readers of runs and of judgements share: lines in order, and grouping them by query.

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "format/trec_words.h"

namespace coppice::trec {

// Consecutive lines of one query.
struct Segment {
  std::string_view query;
  size_t begin, end;  // among the items of its part
};

template <class Item>
struct Part {
  std::vector<Item> items;
  std::vector<Segment> segments;

  void add(std::string_view query, const Item& item) {
    if (segments.empty() || segments.back().query != query)
      segments.push_back({query, items.size(), items.size()});
    items.push_back(item);
    ++segments.back().end;
  }
};

// Throws for the line at `line`, whose number is counted only now.
[[noreturn]] inline void bad_line(std::string_view text, const char* line, const std::string& where,
                                  const std::string& found, const std::string& expected,
                                  const std::string& advice = "") {
  const auto number = 1 + std::count(text.data(), line, '\n');
  throw Error(
      {.where = fmt::format("{}:{}", where, number), .found = found, .expected = expected, .advice = advice});
}

inline std::string shown(std::string_view word) {
  return fmt::format("'{}'", word.substr(0, 40));
}

// Calls visit(begin, end) for every line of [begin, end) that is neither empty nor a comment.
template <class Visit>
void for_each_line(const char* begin, const char* end, Visit&& visit) {
  while (begin != end) {
    const auto* newline =
        static_cast<const char*>(std::memchr(begin, '\n', static_cast<size_t>(end - begin)));
    const char* stop = newline == nullptr ? end : newline;
    const char* first = begin;
    while (first != stop && is_blank(*first)) ++first;
    if (first != stop && *first != '#') visit(first, stop);
    begin = newline == nullptr ? end : newline + 1;
  }
}

// Queries in ascending order with the items of each, in the order of the parts. Items that lie together stay where
// they are; the others are copied to `gathered`. Query is a struct {id, span of items}.
template <class Query, class Item>
std::vector<Query> group_by_query(const std::vector<Part<Item>>& parts, std::vector<Item>& gathered) {
  struct Piece {
    std::string_view query;
    std::span<const Item> items;
  };
  std::vector<Piece> pieces;
  for (const auto& part : parts)
    for (const auto& segment : part.segments)
      pieces.push_back(
          {segment.query, std::span(part.items).subspan(segment.begin, segment.end - segment.begin)});
  const auto before = [](const Piece& a, const Piece& b) { return a.query < b.query; };
  if (!std::is_sorted(pieces.begin(), pieces.end(), before))
    std::stable_sort(pieces.begin(), pieces.end(), before);

  const auto end_of_query = [&pieces](size_t i) {
    size_t end = i + 1;
    while (end < pieces.size() && pieces[end].query == pieces[i].query) ++end;
    return end;
  };
  size_t scattered = 0;
  for (size_t i = 0, end = 0; i < pieces.size(); i = end) {
    end = end_of_query(i);
    for (size_t j = i; j < end && end - i > 1; ++j) scattered += pieces[j].items.size();
  }
  gathered.reserve(scattered);  // so that the spans into it stay valid
  std::vector<Query> queries;
  for (size_t i = 0, end = 0; i < pieces.size(); i = end) {
    end = end_of_query(i);
    if (end - i == 1) {
      queries.push_back({pieces[i].query, pieces[i].items});
      continue;
    }
    const size_t begin = gathered.size();
    for (size_t j = i; j < end; ++j)
      gathered.insert(gathered.end(), pieces[j].items.begin(), pieces[j].items.end());
    queries.push_back({pieces[i].query, std::span(gathered).subspan(begin)});
  }
  return queries;
}

// The query called `id` among queries in ascending order, or none.
template <class Query>
const Query* find_query(const std::vector<Query>& queries, std::string_view id) {
  const auto at = std::lower_bound(queries.begin(), queries.end(), id,
                                   [](const Query& query, std::string_view name) { return query.id < name; });
  return at != queries.end() && at->id == id ? &*at : nullptr;
}

}  // namespace coppice::trec
