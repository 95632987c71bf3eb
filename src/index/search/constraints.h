#pragma once
// Documents that contain a term or a phrase, and those that a query's required and excluded ones leave.

#include <span>
#include <vector>

#include "index/inverted/inverted_index.h"
#include "index/search/text_query.h"
#include "index/store/index_reader.h"

namespace coppice {

struct Occurrences {
  std::vector<DocOrdinal> docs;  // rising
  std::vector<uint32_t> counts;  // how often each has the phrase, at least 1
};

// Where the phrase's terms stand at their offsets from each other. An Error if the index keeps no positions.
Occurrences find_phrase(const InvertedIndex& index, const QueryClause& clause);

// Documents that have the clause: its phrase, or all of its terms.
DocSet documents_with(const InvertedIndex& index, const QueryClause& clause);

bool has_constraints(std::span<const QueryClause> query);

// What is left of `among`, a set for every part of the index, by a query's required and excluded clauses. With `whole`,
// windows are looked at as their documents: a clause that one of them has, all have.
void constrain(const IndexReader& reader, std::span<const QueryClause> query, bool whole,
               std::vector<DocSet>& among);

}  // namespace coppice
