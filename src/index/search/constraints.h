#pragma once
// Documents that contain a term or a phrase.

#include <vector>

#include "index/inverted/inverted_index.h"
#include "index/search/text_query.h"

namespace coppice {

struct Occurrences {
  std::vector<DocOrdinal> docs;  // rising
  std::vector<uint32_t> counts;  // how often each has the phrase, at least 1
};

// Where the phrase's terms stand at their offsets from each other. An Error if the index keeps no positions.
Occurrences find_phrase(const InvertedIndex& index, const QueryClause& clause);

// Documents that have the clause: its phrase, or all of its terms.
DocSet documents_with(const InvertedIndex& index, const QueryClause& clause);

}  // namespace coppice
