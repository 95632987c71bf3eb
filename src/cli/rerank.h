#pragma once
// Ranking found documents anew by another program. It is run once for all queries, by the shell; it reads
// {"query_id", "query", "id", "text"} a line on its standard input and writes a number a line, in the same order.

#include <string>
#include <vector>

#include "index/search/searcher.h"

namespace coppice {

struct RerankQuery {
  std::string id, text;
  std::vector<Hit> hits;  // get their new scores, and are ranked by them
};

// Errors: the program fails, or writes something else than a finite number for every document.
void rerank(IndexReader& reader, std::vector<RerankQuery>& queries, const std::string& command);

}  // namespace coppice
