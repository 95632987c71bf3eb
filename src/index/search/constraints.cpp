#include "index/search/constraints.h"

#include <algorithm>
#include <unordered_set>

#include "index/fuse/passages.h"
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

bool has_constraints(std::span<const QueryClause> query) {
  return std::any_of(query.begin(), query.end(),
                     [](const QueryClause& clause) { return clause.role != QueryClause::Role::optional; });
}

namespace {

// Adds the windows that are not in `with` themselves, but of a document that has one there.
void spread_over_documents(const IndexReader& reader, std::vector<DocSet>& with) {
  const auto document = [&](size_t part, DocOrdinal doc) {
    return document_of(reader.parts()[part].segment->names()[doc]);
  };
  std::unordered_set<std::string_view> documents;
  for (size_t part = 0; part < with.size(); ++part) {
    with[part] &= reader.parts()[part].live;
    with[part].for_each([&](DocOrdinal doc) { documents.insert(document(part, doc)); });
  }
  if (documents.empty()) return;
  for (size_t part = 0; part < with.size(); ++part)
    reader.parts()[part].live.for_each([&](DocOrdinal doc) {
      if (documents.contains(document(part, doc))) with[part].insert(doc);
    });
}

}  // namespace

void constrain(const IndexReader& reader, std::span<const QueryClause> query, bool whole,
               std::vector<DocSet>& among) {
  for (const QueryClause& clause : query) {
    if (clause.role == QueryClause::Role::optional) continue;
    std::vector<DocSet> with;
    for (const auto& part : reader.parts()) with.push_back(documents_with(part.segment->text(), clause));
    if (whole) spread_over_documents(reader, with);
    for (size_t part = 0; part < with.size(); ++part) {
      if (clause.role == QueryClause::Role::required)
        among[part] &= with[part];
      else
        with[part].for_each([&](DocOrdinal doc) { among[part].remove(doc); });
    }
  }
}

}  // namespace coppice
