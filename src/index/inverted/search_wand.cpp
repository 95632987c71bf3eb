// Block-max WAND (Ding and Suel 2011): lists are kept in the order of their next documents; the first document at which
// the bounds of the lists so far exceed the threshold is the pivot. If the bounds of the blocks around it do not, all
// lists leap to where the first of these blocks ends.

#include <algorithm>

#include "index/inverted/segment_query.h"

namespace coppice {
namespace {

constexpr DocOrdinal nowhere = ~DocOrdinal{0};

struct Place {
  ListCursor cursor;
  DocOrdinal doc;
};

// Puts lists[from], which has moved ahead, in its place among those behind it.
void settle(std::vector<Place*>& lists, size_t from) {
  for (; from + 1 < lists.size() && lists[from]->doc > lists[from + 1]->doc; ++from)
    std::swap(lists[from], lists[from + 1]);
}

}  // namespace

void search_wand(const SegmentQuery& query, const DocSet* allowed, int32_t floor, TopK& top) {
  int64_t threshold = floor;
  std::vector<Place> places;
  places.reserve(query.terms.size());
  for (const TermScorer& term : query.terms) {
    places.push_back({ListCursor(term), 0});
    places.back().doc = places.back().cursor.seek(0);
  }
  std::vector<Place*> lists;
  for (Place& place : places) lists.push_back(&place);
  std::sort(lists.begin(), lists.end(), [](const Place* a, const Place* b) { return a->doc < b->doc; });

  for (;;) {
    int64_t bound = 0;
    size_t pivot = 0;
    for (; pivot < lists.size() && lists[pivot]->doc < query.documents; ++pivot)
      if ((bound += lists[pivot]->cursor.term->bound) > threshold) break;
    if (pivot == lists.size() || lists[pivot]->doc >= query.documents) return;
    const DocOrdinal doc = lists[pivot]->doc;
    while (pivot + 1 < lists.size() && lists[pivot + 1]->doc == doc) ++pivot;

    // Blocks that hold the pivot, without unpacking them.
    int64_t block_bound = 0;
    uint64_t leap = pivot + 1 < lists.size() ? lists[pivot + 1]->doc : query.documents;
    for (size_t i = 0; i <= pivot; ++i) {
      const ListCursor& cursor = lists[i]->cursor;
      const PostingList& list = cursor.term->list;
      const uint32_t block = list.seek(cursor.block, doc);
      if (block == list.blocks()) continue;
      block_bound += query.block_bound(*cursor.term, block);
      leap = std::min(leap, uint64_t{list.last(block)} + 1);
    }
    if (block_bound <= threshold) {
      // Not even all of them; go where a block ends or another list joins.
      if (leap <= doc) leap = uint64_t{doc} + 1;
      const DocOrdinal target = static_cast<DocOrdinal>(std::min<uint64_t>(leap, nowhere));
      for (size_t i = pivot + 1; i > 0; --i) {
        Place& place = *lists[i - 1];
        if (place.doc >= target) continue;
        place.doc = place.cursor.seek(target);
        settle(lists, i - 1);
      }
      continue;
    }
    if (lists[0]->doc == doc) {
      int32_t score = 0;
      for (size_t i = 0; i <= pivot; ++i)
        score += query.contribution(*lists[i]->cursor.term, doc, lists[i]->cursor.value());
      if (score > threshold && (allowed == nullptr || allowed->contains(doc)) &&
          top.offer(doc, static_cast<float>(score)) && top.full())
        threshold = std::max(threshold, static_cast<int64_t>(top.threshold()));
      for (size_t i = pivot + 1; i > 0; --i) {
        lists[i - 1]->doc = lists[i - 1]->cursor.seek(doc + 1);
        settle(lists, i - 1);
      }
    } else {
      // A list before the pivot catches up: the last that lags.
      size_t lagging = pivot;
      while (lists[lagging]->doc == doc) --lagging;
      lists[lagging]->doc = lists[lagging]->cursor.seek(doc);
      settle(lists, lagging);
    }
  }
}

}  // namespace coppice
