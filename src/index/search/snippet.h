#pragma once
// The piece of a text that shows best why it was found.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/search/text_query.h"

namespace coppice {

struct Snippet {
  std::string text;  // one line, with … where the text goes on
  std::vector<std::pair<size_t, size_t>>
      highlights;  // bytes of `text` that are the query's words: begin, end
};

// About `width` bytes of the text around the place with the most different words of the query; the beginning if there are
// none.
Snippet make_snippet(std::string_view text, const std::vector<QueryClause>& query, Analyzer& analyzer,
                     size_t width);

// The snippet with every highlight between `before` and `after`.
std::string marked(const Snippet& snippet, std::string_view before, std::string_view after);

}  // namespace coppice
