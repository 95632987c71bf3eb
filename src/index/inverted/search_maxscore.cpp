// Block-max MaxScore over windows of documents (Turtle and Flood 1995; windows as in block-max MaxScore of Lucene 9).
//
// In each window, blocks tell how much a term can add there. The weakest terms whose bounds together cannot lift a
// document over the threshold are inessential: no document enters by them alone. Only essential terms are added up;
// documents that can still enter are completed by looking them up in the inessential lists, strongest first, and
// dropped as soon as the rest cannot save them. A window without essential terms is not touched.

#include <algorithm>
#include <numeric>

#include "index/inverted/segment_query.h"

namespace coppice {
namespace {

class Search {
 public:
  Search(const SegmentQuery& query, const DocSet* allowed, int32_t floor, TopK& top)
      : query_(query),
        allowed_(allowed),
        top_(top),
        threshold_(floor),
        cursors_(query.terms.begin(), query.terms.end()),
        order_(cursors_.size()),
        bounds_(cursors_.size()),
        sums_(cursors_.size() + 1),

        docs_(window_size + kernels::unpack_over_write),
        kept_(docs_.size()) {
    std::iota(order_.begin(), order_.end(), 0u);
  }

  void run() {
    for (uint64_t begin = 0; begin < query_.documents; begin += window_size) {
      first_ = static_cast<DocOrdinal>(begin);
      size_ = static_cast<uint32_t>(std::min<uint64_t>(window_size, query_.documents - begin));
      search_window();
    }
  }

 private:
  DocOrdinal last() const { return first_ + size_ - 1; }

  // How much the list can add to a document of the window; moves the cursor to the window's first block.
  int32_t bound_in_window(ListCursor& cursor) const {
    const PostingList& list = cursor.term->list;
    cursor.block = list.seek(cursor.block, first_);
    uint8_t highest = 0;
    for (uint32_t block = cursor.block; block < list.blocks(); ++block) {
      highest = std::max(highest, list.bound(block));
      if (list.last(block) >= last()) break;
    }
    if (cursor.block == list.blocks()) return 0;
    return static_cast<int32_t>(static_cast<float>(highest) * cursor.term->bound_unit) + 1;
  }

  void search_window() {
    for (size_t i = 0; i < cursors_.size(); ++i) bounds_[i] = bound_in_window(cursors_[i]);
    // Weakest first; sums_[i] is what the i weakest can add together.
    std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) { return bounds_[a] < bounds_[b]; });
    for (size_t i = 0; i < order_.size(); ++i) sums_[i + 1] = sums_[i] + bounds_[order_[i]];
    size_t essential = 0;
    while (essential < order_.size() && sums_[essential + 1] <= threshold_) ++essential;
    if (essential == order_.size()) return;

    uint32_t postings = 0;
    for (size_t i = essential; i < order_.size(); ++i) postings += add_up(cursors_[order_[i]]);
    if (postings == 0) return;
    // Above 0 in any case: what no essential term touched cannot enter.
    const int32_t least = static_cast<int32_t>(std::max<int64_t>(0, threshold_ - sums_[essential]));
    size_t found;
    if (essential + 1 == order_.size() && postings < window_size / 16)
      found = collect_from(cursors_[order_.back()], least);
    else
      found = static_cast<size_t>(kernels::posting_kernels().collect_above(
          window_.scores.data(), window_.touched.data(), static_cast<int>(size_), least, first_, docs_.data(),
          kept_.data()));
    for (size_t i = essential; i > 0 && found > 0; --i)
      found = complete(cursors_[order_[i - 1]], sums_[i], found);
    offer(found);
  }

  // Adds all of a list's postings in the window to the scores; says how many there may be.
  uint32_t add_up(ListCursor& cursor) {
    const PostingList& list = cursor.term->list;
    uint32_t postings = 0;
    for (uint32_t block = cursor.block; block < list.blocks(); ++block) {
      cursor.unpack(block);
      const uint32_t count = list.count(block);
      if (cursor.docs[0] > last()) break;
      cursor.unpack_values(block);
      query_.add(*cursor.term, cursor.docs, cursor.values, count, first_, size_, window_);
      postings += count;
      if (cursor.docs[count - 1] >= last()) break;
    }
    return postings;
  }

  // As collect_above, for the only list that has been added up.
  size_t collect_from(ListCursor& cursor, int32_t least) {
    const PostingList& list = cursor.term->list;
    size_t found = 0;
    for (uint32_t block = cursor.block; block < list.blocks(); ++block) {
      cursor.unpack(block);
      const uint32_t count = list.count(block);
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t at = cursor.docs[i] - first_;
        if (at >= size_) continue;
        docs_[found] = cursor.docs[i];
        kept_[found] = std::exchange(window_.scores[at], 0);
        // A damaged list may name a document twice; it must not overflow the window.
        found += kept_[found] > least && found < window_size;
      }
      if (cursor.docs[count - 1] >= last()) break;
    }
    std::fill(window_.touched.begin(), window_.touched.end(), uint8_t{0});
    return found;
  }

  // Drops documents that cannot exceed the threshold with `rest`, and adds the list's contribution to the others.
  size_t complete(ListCursor& cursor, int64_t rest, size_t found) {
    const PostingList& list = cursor.term->list;
    const int64_t least = threshold_ - rest;
    size_t left = 0;
    for (size_t i = 0; i < found; ++i) {
      if (kept_[i] <= least) continue;
      const DocOrdinal doc = docs_[i];
      int32_t score = kept_[i];
      if (cursor.block < list.blocks() && list.last(cursor.block) < doc)
        cursor.block = list.seek(cursor.block, doc);
      if (cursor.block < list.blocks()) {
        cursor.unpack(cursor.block);
        const uint32_t count = list.count(cursor.block);
        cursor.advance(count, doc);
        if (cursor.place < count && cursor.docs[cursor.place] == doc)
          score += query_.contribution(*cursor.term, doc, list.value(cursor.block, cursor.place));
      }
      docs_[left] = doc;
      kept_[left++] = score;
    }
    return left;
  }

  void offer(size_t found) {
    for (size_t i = 0; i < found; ++i) {
      if (kept_[i] <= threshold_ || (allowed_ != nullptr && !allowed_->contains(docs_[i]))) continue;
      if (top_.offer(docs_[i], static_cast<float>(kept_[i])) && top_.full())
        threshold_ = std::max(threshold_, static_cast<int32_t>(top_.threshold()));
    }
  }

  const SegmentQuery& query_;
  const DocSet* allowed_;
  TopK& top_;
  int32_t threshold_;  // a document has to score more
  std::vector<ListCursor> cursors_;
  std::vector<uint32_t> order_;
  std::vector<int32_t> bounds_;
  std::vector<int64_t> sums_;
  DocOrdinal first_ = 0;
  uint32_t size_ = 0;
  ScoreWindow window_;
  std::vector<DocOrdinal> docs_;
  std::vector<int32_t> kept_;
};

}  // namespace

void search_maxscore(const SegmentQuery& query, const DocSet* allowed, int32_t floor, TopK& top) {
  Search(query, allowed, floor, top).run();
}

}  // namespace coppice
