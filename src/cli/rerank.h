#pragma once
// Ranking found documents anew: by a cross-encoder, by the scores of a run, or by another program, which is run once for all
// queries by the shell; it reads {"query_id", "query", "id", "text", "score"} a line on its standard input and writes a
// number a line, in the same order.

#include <string>
#include <vector>

#include "index/search/searcher.h"

namespace coppice {

struct RerankQuery {
  std::string id, text;
  std::vector<Hit> hits;  // get their new scores, and are ranked by them
};

// `how`: a model directory, a file that is a run (one that may be executed is a program), or a command. Errors: a model
// that scores no pairs; a run that lacks a document; a program that fails, or writes something else than a finite number
// for every document.
void rerank(IndexReader& reader, std::vector<RerankQuery>& queries, const std::string& how);

}  // namespace coppice
