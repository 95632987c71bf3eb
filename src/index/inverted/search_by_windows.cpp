// Every posting of every term, added up in windows of documents.

#include "index/inverted/segment_query.h"

namespace coppice {

void search_by_windows(const SegmentQuery& query, const DocSet* allowed, int32_t floor, TopK& top) {
  std::vector<ListCursor> cursors(query.terms.begin(), query.terms.end());
  ScoreWindow window;
  std::vector<int32_t> kept(window_size + kernels::unpack_over_write);
  std::vector<DocOrdinal> docs(kept.size());
  for (uint64_t begin = 0; begin < query.documents; begin += window_size) {
    const uint32_t size = static_cast<uint32_t>(std::min<uint64_t>(window_size, query.documents - begin));
    const DocOrdinal first = static_cast<DocOrdinal>(begin), last = first + size - 1;
    bool any = false;
    for (ListCursor& cursor : cursors) {
      const PostingList& list = cursor.term->list;
      for (; cursor.block < list.blocks(); ++cursor.block) {
        cursor.unpack(cursor.block);
        const uint32_t count = list.count(cursor.block);
        if (cursor.docs[0] > last) break;
        cursor.unpack_values(cursor.block);
        query.add(*cursor.term, cursor.docs, cursor.values, count, first, size, window);
        any = true;
        if (cursor.docs[count - 1] > last) break;
      }
    }
    if (!any) continue;
    if (top.full()) floor = std::max(floor, static_cast<int32_t>(top.threshold()));
    const int found = kernels::posting_kernels().collect_above(window.scores.data(), window.touched.data(),
                                                               static_cast<int>(size), floor, first,
                                                               docs.data(), kept.data());
    for (size_t i = 0; i < static_cast<size_t>(found); ++i)
      if (allowed == nullptr || allowed->contains(docs[i])) top.offer(docs[i], static_cast<float>(kept[i]));
  }
}

}  // namespace coppice
