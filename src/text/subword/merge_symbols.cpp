#include "text/subword/merge_symbols.h"

#include <algorithm>

namespace coppice {
namespace {

struct Node {
  TokenId id;
  int32_t previous, next;  // -1 at the ends
};

struct Candidate {
  int32_t rank, at;  // `at`: the left node
  TokenId left, right, result;
};

struct Later {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

class Merger {
 public:
  Merger(const std::vector<TokenId>& symbols, const MergeTable& merges, SymbolSplits* splits)
      : merges_(merges), splits_(splits) {
    const auto count = static_cast<int32_t>(symbols.size());
    nodes_.reserve(symbols.size());
    for (int32_t i = 0; i < count; ++i)
      nodes_.push_back({symbols[static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : -1});
    for (int32_t i = 0; i + 1 < count; ++i) append_candidate(i);
    std::make_heap(heap_.begin(), heap_.end(), Later());
  }

  void run() {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later());
      const Candidate best = heap_.back();
      heap_.pop_back();
      if (is_current(best)) apply(best);
    }
  }

  void collect(std::vector<TokenId>& symbols, std::vector<size_t>* starts) const {
    symbols.clear();
    for (int32_t at = 0; at >= 0; at = node(at).next) {
      symbols.push_back(node(at).id);
      if (starts != nullptr) starts->push_back(static_cast<size_t>(at));
    }
  }

 private:
  Node& node(int32_t at) { return nodes_[static_cast<size_t>(at)]; }
  const Node& node(int32_t at) const { return nodes_[static_cast<size_t>(at)]; }

  // The pair may have been merged away since it was found. A node that was merged into its left neighbour has
  // id -1.
  bool is_current(const Candidate& candidate) const {
    const Node& left = node(candidate.at);
    return left.id == candidate.left && left.next >= 0 && node(left.next).id == candidate.right;
  }

  bool append_candidate(int32_t at) {
    const Node& left = node(at);
    const TokenId right = node(left.next).id;
    const Merge* merge = merges_.find(left.id, right);
    if (merge == nullptr) return false;
    heap_.push_back({merge->rank, at, left.id, right, merge->result});
    if (splits_ != nullptr) (*splits_)[merge->result] = {left.id, right};
    return true;
  }

  void apply(const Candidate& merge) {
    Node& left = node(merge.at);
    Node& right = node(left.next);
    left.id = merge.result;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) node(left.next).previous = merge.at;
    if (left.previous >= 0 && append_candidate(left.previous))
      std::push_heap(heap_.begin(), heap_.end(), Later());
    if (left.next >= 0 && append_candidate(merge.at)) std::push_heap(heap_.begin(), heap_.end(), Later());
  }

  const MergeTable& merges_;
  SymbolSplits* splits_;
  std::vector<Node> nodes_;
  std::vector<Candidate> heap_;
};

}  // namespace

void merge_symbols(std::vector<TokenId>& symbols, const MergeTable& merges, SymbolSplits* splits,
                   std::vector<size_t>* starts) {
  if (symbols.size() < 2) {
    if (starts != nullptr) starts->assign(symbols.size(), 0);
    return;
  }
  Merger merger(symbols, merges, splits);
  merger.run();
  if (starts != nullptr) starts->clear();
  merger.collect(symbols, starts);
}

}  // namespace coppice
