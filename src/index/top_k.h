#pragma once
// The k best documents of a segment. Every kind of index orders its results in the same way: by score, falling, then
// by ordinal, rising. Ordinals are given out in falling order of document names, so this is the order in which
// trec_eval ranks ties.

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "index/doc_set.h"

namespace coppice {

struct ScoredDoc {
  DocOrdinal doc;
  float score;
  bool operator==(const ScoredDoc&) const = default;
};

inline bool ranks_before(const ScoredDoc& a, const ScoredDoc& b) {
  return a.score != b.score ? a.score > b.score : a.doc < b.doc;
}

class TopK {
 public:
  explicit TopK(size_t k) : k_(k) { heap_.reserve(std::min<size_t>(k, 4096)); }

  // A document enters only if it ranks before the last one kept. While there is room, that is any document; who offers
  // documents in rising order may skip those whose score cannot exceed this. Scores are never NaN.
  float threshold() const {
    if (k_ == 0) return std::numeric_limits<float>::infinity();
    return heap_.size() < k_ ? -std::numeric_limits<float>::infinity() : heap_.front().score;
  }
  bool full() const { return heap_.size() == k_; }

  // True if the document was kept.
  bool offer(DocOrdinal doc, float score) {
    const ScoredDoc candidate{doc, score};
    if (heap_.size() < k_) {
      heap_.push_back(candidate);
      std::push_heap(heap_.begin(), heap_.end(), before);
      return true;
    }
    if (k_ == 0 || !ranks_before(candidate, heap_.front())) return false;
    replace_last(candidate);
    return true;
  }

  // The documents kept, best first; the collector is empty afterwards.
  std::vector<ScoredDoc> take() {
    std::sort_heap(heap_.begin(), heap_.end(), before);
    return std::exchange(heap_, {});
  }

 private:
  static bool before(const ScoredDoc& a, const ScoredDoc& b) { return ranks_before(a, b); }

  // Puts the candidate in place of the root and lets it sink, in one descent.
  void replace_last(const ScoredDoc& candidate) {
    size_t at = 0;
    for (size_t child = 1; child < heap_.size(); child = 2 * at + 1) {
      if (child + 1 < heap_.size() && ranks_before(heap_[child], heap_[child + 1])) ++child;  // the worse one
      if (!ranks_before(candidate, heap_[child])) break;
      heap_[at] = heap_[child];
      at = child;
    }
    heap_[at] = candidate;
  }

  size_t k_;
  std::vector<ScoredDoc> heap_;  // the one that ranks last at the root
};

}  // namespace coppice
