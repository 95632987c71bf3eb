#pragma once
// A graph over the rows of a VectorStore, searched from neighbour to neighbour (Malkov and Yashunin 2018). Every row is
// on level 0; one in m of a level is also on the level above it. A search goes down from the highest level, each time to
// the nearest row that it can reach, and keeps the best `ef` rows that it has seen on level 0.
//
// Links of a file are not checked when it is opened: a link to a row that is not there ends its list.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "index/vector/vector_store.h"

namespace coppice {

inline constexpr uint32_t no_row = 0xFFFFFFFF;

struct HnswLinks {
  int64_t m = 0, max_level = 0;
  uint32_t rows = 0, entry = 0;
  std::span<const uint32_t> lowest;    // (rows, 2 m), with no_row behind the last link
  std::span<const uint32_t> upper_at;  // of every row: where its links on level 1 are in `upper`, or no_row
  std::span<const uint32_t> upper;     // (upper rows, m); levels of a row lie one behind the other

  // May go on behind the last link with ids that are not rows.
  std::span<const uint32_t> of(uint32_t row, int64_t level) const {
    const auto width = static_cast<size_t>(m);
    if (level == 0) return lowest.subspan(row * 2 * width, 2 * width);
    const uint64_t at = uint64_t{upper_at[row]} + static_cast<uint64_t>(level) - 1;
    if (at >= upper.size() / width) return {};
    return upper.subspan(at * width, width);
  }
};

// Which rows a search has seen. One per thread, for graphs of any size; forgetting costs what was seen.
class SeenRows {
 public:
  void begin(uint32_t rows) {
    if (words_.size() < rows / 64 + 1) words_.resize(rows / 64 + 1);
    for (const uint32_t row : seen_) words_[row / 64] = 0;
    seen_.clear();
  }
  // False if it was seen before.
  bool add(uint32_t row) {
    uint64_t& word = words_[row / 64];
    const uint64_t bit = uint64_t{1} << (row % 64);
    if (word & bit) return false;
    word |= bit;
    seen_.push_back(row);
    return true;
  }

 private:
  std::vector<uint64_t> words_;
  std::vector<uint32_t> seen_;
};

struct BeamRow {
  float score;
  uint32_t row;
  bool expanded = false;
};

inline bool beam_before(const BeamRow& a, const BeamRow& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

// The best `width` rows seen, best first.
class Beam {
 public:
  void begin(size_t width) {
    width_ = width;
    next_ = 0;
    rows_.clear();
    rows_.reserve(width + 1);
  }
  float threshold() const {
    return rows_.size() < width_ ? -std::numeric_limits<float>::infinity() : rows_.back().score;
  }
  void add(uint32_t row, float score) {
    const BeamRow added{std::isnan(score) ? -std::numeric_limits<float>::infinity() : score, row};
    if (rows_.size() == width_) {
      if (!beam_before(added, rows_.back())) return;
      rows_.pop_back();
    }
    const auto at = std::lower_bound(rows_.begin(), rows_.end(), added, beam_before);
    next_ = std::min(next_, static_cast<size_t>(at - rows_.begin()));
    rows_.insert(at, added);
  }
  // The best row whose neighbours have not been looked at, which they now have; no_row if there is none.
  uint32_t expand() {
    while (next_ < rows_.size() && rows_[next_].expanded) ++next_;
    if (next_ == rows_.size()) return no_row;
    rows_[next_].expanded = true;
    return rows_[next_].row;
  }
  // The row that `expand` would give now.
  uint32_t upcoming() {
    while (next_ < rows_.size() && rows_[next_].expanded) ++next_;
    return next_ < rows_.size() ? rows_[next_].row : no_row;
  }
  std::span<BeamRow> rows() { return rows_; }
  // Starts again from the same rows.
  void forget_expanded() {
    for (auto& row : rows_) row.expanded = false;
    next_ = 0;
  }

 private:
  size_t width_ = 0, next_ = 0;
  std::vector<BeamRow> rows_;
};

// `scorer` has scores(ids, count, scores) and prefetch(row). Looks at neighbours, best rows first, until the beam holds
// only rows whose neighbours it knows. Rows of the beam count as seen.
template <class Scorer>
int64_t search_level(const HnswLinks& links, int64_t level, Beam& beam, SeenRows& seen,
                     const Scorer& scorer) {
  int64_t scored = 0;
  uint32_t ids[512];
  float scores[512];
  for (uint32_t row = beam.expand(); row != no_row; row = beam.expand()) {
    int64_t count = 0;
    for (const uint32_t id : links.of(row, level)) {
      if (id >= links.rows) break;
      if (!seen.add(id)) continue;
      scorer.prefetch(id);
      ids[count++] = id;
    }
    scorer.scores(ids, count, scores);
    scored += count;
    for (int64_t i = 0; i < count; ++i)
      if (!(scores[i] < beam.threshold())) beam.add(ids[i], scores[i]);
    if (const uint32_t next = beam.upcoming(); next != no_row) {
      const auto list = links.of(next, level);
      for (size_t i = 0; i < list.size(); i += 16) __builtin_prefetch(list.data() + i);
    }
  }
  return scored;
}

// Goes from `row` to better neighbours on a level while there are any.
template <class Scorer>
BeamRow descend(const HnswLinks& links, int64_t level, BeamRow from, const Scorer& scorer) {
  float scores[512];
  uint32_t ids[512];
  for (bool moved = true; moved;) {
    moved = false;
    int64_t count = 0;
    for (const uint32_t id : links.of(from.row, level)) {
      if (id >= links.rows) break;
      scorer.prefetch(id);
      ids[count++] = id;
    }
    scorer.scores(ids, count, scores);
    for (int64_t i = 0; i < count; ++i)
      if (scores[i] > from.score) {
        from = {scores[i], ids[i]};
        moved = true;
      }
  }
  return from;
}

// A graph in memory, as the file has it.
struct HnswGraph {
  int64_t m = 0, max_level = 0;
  uint32_t rows = 0, entry = 0;
  std::vector<uint32_t> lowest, upper_at, upper;
  HnswLinks links() const { return {m, max_level, rows, entry, lowest, upper_at, upper}; }
};

// Rows are linked in an order by the seed, in batches that are searched for in parallel on the graph before them, so that
// the graph does not depend on threads. Links are chosen by the paper's heuristic. For dot products rows are linked as
// if a further dimension had made all of one length, which changes no product with a query (Bachrach et al. 2014).
HnswGraph build_hnsw(const VectorStore& store, const HnswSpec& spec, int64_t seed);

// The about `wanted` best rows, unordered.
std::vector<uint32_t> hnsw_rows(const HnswLinks& links, const VectorStore& store, const PreparedQuery& query,
                                size_t wanted, int64_t& scored);

// Levels, places and links of a file; an Error if a list leaves the graph.
void verify_hnsw(const HnswLinks& links, const std::string& where);

}  // namespace coppice
