#include "index/search/constraints.h"

#include <algorithm>

#include "index/inverted/segment_query.h"

namespace coppice {
namespace {

struct Walked {
  uint32_t offset;
  TermScorer scorer;
  ListCursor cursor;
  InvertedIndex::Positions positions;
  std::vector<uint32_t> places;

  Walked(uint32_t offset_of, PostingList list, InvertedIndex::Positions where)
      : offset(offset_of), scorer{.list = list}, cursor(scorer), positions(std::move(where)) {}
};

}  // namespace

Occurrences find_phrase(const InvertedIndex& index, const QueryClause& clause) {
  if (!index.summary().positions)
    throw Error({.where = "the query",
                 .found = "a phrase in quotes",
                 .expected = "words: this index keeps no positions",
                 .advice = "make the index without --no-positions"},
                Fault::usage);
  Occurrences found;
  std::vector<std::unique_ptr<Walked>> lists;
  for (const auto& [text, offset] : clause.terms) {
    const auto entry = index.find(text);
    if (!entry) return found;
    lists.push_back(std::make_unique<Walked>(offset, index.postings(*entry), index.positions(*entry)));
  }
  // The rarest leads.
  std::sort(lists.begin(), lists.end(), [](const auto& a, const auto& b) {
    return a->scorer.list.documents() < b->scorer.list.documents();
  });
  for (uint64_t from = 0; from < index.documents();) {
    DocOrdinal doc = lists[0]->cursor.seek(static_cast<DocOrdinal>(from));
    if (doc >= index.documents()) break;
    bool together = true;
    for (size_t i = 1; i < lists.size() && together; ++i) {
      const DocOrdinal next = lists[i]->cursor.seek(doc);
      if (next >= index.documents()) return found;
      together = next == doc;
      if (!together) from = next;
    }
    if (!together) continue;
    for (const auto& list : lists) list->places = list->positions.of(list->cursor.block, list->cursor.place);
    uint32_t count = 0;
    for (const uint32_t place : lists[0]->places) {
      // Where the phrase would begin; offsets are at most the place if it begins at or behind 0.
      if (place < lists[0]->offset) continue;
      const uint32_t begin = place - lists[0]->offset;
      count += std::all_of(lists.begin() + 1, lists.end(), [&](const auto& list) {
        return std::binary_search(list->places.begin(), list->places.end(), begin + list->offset);
      });
    }
    if (count > 0) {
      found.docs.push_back(doc);
      found.counts.push_back(count);
    }
    from = uint64_t{doc} + 1;
  }
  return found;
}

DocSet documents_with(const InvertedIndex& index, const QueryClause& clause) {
  DocSet set(index.documents());
  if (clause.phrase) {
    for (const DocOrdinal doc : find_phrase(index, clause).docs) set.insert(doc);
    return set;
  }
  set = DocSet(index.documents(), true);
  DocOrdinal docs[block_size + kernels::unpack_over_write];
  for (const auto& [text, offset] : clause.terms) {
    DocSet with(index.documents());
    if (const auto entry = index.find(text)) {
      const PostingList list = index.postings(*entry);
      for (uint32_t block = 0; block < list.blocks(); ++block) {
        list.docs(block, docs);
        for (uint32_t i = 0; i < list.count(block); ++i)
          if (docs[i] < index.documents()) with.insert(docs[i]);
      }
    }
    set &= with;
  }
  return set;
}

}  // namespace coppice
