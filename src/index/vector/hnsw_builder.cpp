#include <algorithm>
#include <numeric>

#include "base/parallel.h"
#include "base/progress.h"
#include "base/rng.h"
#include "index/vector/hnsw_graph.h"

namespace coppice {
namespace {

constexpr int64_t highest_level = 30;
constexpr size_t longest_batch = 4096;

// Similarities between rows, by which they are linked.
class RowScorer {
 public:
  RowScorer(const VectorStore& store, std::span<const float> beyond) : store_(store), beyond_(beyond) {}
  void compare(uint32_t row) {
    row_ = row;
    store_.prepare_row(row, query_);
  }
  void scores(const uint32_t* ids, int64_t count, float* scores) const {
    store_.quick_scores(query_, ids, count, scores);
    if (beyond_.empty()) return;
    for (int64_t i = 0; i < count; ++i) scores[i] += beyond_[row_] * beyond_[ids[i]];
  }
  void prefetch(uint32_t row) const { store_.prefetch(row); }

 private:
  const VectorStore& store_;
  std::span<const float> beyond_;
  PreparedQuery query_;
  uint32_t row_ = 0;
};

// The element of each row in a further dimension that makes all as long as the longest; for dot products.
std::vector<float> elements_beyond(const VectorStore& store) {
  std::vector<float> norms2(store.count()), beyond;
  if (store.part().spec.similarity != Similarity::dot) return beyond;
  for (uint32_t row = 0; row < store.count(); ++row) {
    double norm2 = 0;
    for (const float value : store.vector(row)) norm2 += double{value} * value;
    norms2[row] = static_cast<float>(norm2);
  }
  const float highest = norms2.empty() ? 0 : *std::max_element(norms2.begin(), norms2.end());
  for (const float norm2 : norms2) beyond.push_back(std::sqrt(std::max(0.0f, highest - norm2)));
  return beyond;
}

// Of candidates, best first, those that are nearer to the row than to any that was taken before them.
void select_links(std::span<const BeamRow> candidates, size_t most, RowScorer& scorer,
                  std::vector<uint32_t>& taken) {
  taken.clear();
  std::vector<float> scores(most);
  for (const auto& candidate : candidates) {
    if (taken.size() == most) return;
    scorer.compare(candidate.row);
    scorer.scores(taken.data(), static_cast<int64_t>(taken.size()), scores.data());
    if (std::all_of(scores.begin(), scores.begin() + static_cast<int64_t>(taken.size()),
                    [&](float score) { return score < candidate.score; }))
      taken.push_back(candidate.row);
  }
}

struct NewLink {
  uint32_t level, to, from;
  auto operator<=>(const NewLink&) const = default;
};

class HnswBuilder {
 public:
  HnswBuilder(const VectorStore& store, const HnswSpec& spec, int64_t seed)
      : store_(store), spec_(spec), beyond_(elements_beyond(store)) {
    graph_.m = spec.m;
    graph_.rows = store.count();
    const size_t rows = store.count();
    Rng rng = Rng(static_cast<uint64_t>(seed)).fork("hnsw");
    graph_.upper_at.assign(rows, no_row);
    levels_.resize(rows);
    uint32_t upper_rows = 0;
    for (size_t row = 0; row < rows; ++row) {
      const double level = -std::log(1 - rng.uniform()) / std::log(static_cast<double>(spec.m));
      levels_[row] = static_cast<int64_t>(std::min(level, static_cast<double>(highest_level)));
      if (levels_[row] == 0) continue;
      graph_.upper_at[row] = upper_rows;
      upper_rows += static_cast<uint32_t>(levels_[row]);
    }
    const auto width = static_cast<size_t>(spec.m);
    graph_.lowest.assign(rows * 2 * width, no_row);
    graph_.upper.assign(upper_rows * width, no_row);
    order_.resize(rows);
    std::iota(order_.begin(), order_.end(), 0u);
    rng.shuffle(order_);
    if (rows == 0) return;
    // The highest is the first, so that all levels are there from the beginning.
    const auto highest = std::max_element(order_.begin(), order_.end(),
                                          [&](uint32_t a, uint32_t b) { return levels_[a] < levels_[b]; });
    graph_.entry = *highest;
    graph_.max_level = levels_[*highest];
    std::swap(*highest, order_.front());
  }

  HnswGraph build() {
    Progress progress("graph", static_cast<int64_t>(order_.size()), "vectors");
    for (size_t done = std::min<size_t>(1, order_.size()); done < order_.size();) {
      const size_t count = std::min({std::max<size_t>(1, done / 32), longest_batch, order_.size() - done});
      add_batch(std::span(order_).subspan(done, count));
      done += count;
      progress.advance(static_cast<int64_t>(count));
    }
    return std::move(graph_);
  }

 private:
  void add_batch(std::span<const uint32_t> batch) {
    std::vector<std::vector<NewLink>> found(batch.size());
    parallel_for(static_cast<int64_t>(batch.size()), 4, [&](int64_t begin, int64_t end) {
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
        find_links(batch[i], found[i]);
    });
    std::vector<NewLink> back;
    for (const auto& links : found)
      for (const auto& [level, to, from] : links) {
        auto list = list_of(from, level);
        *std::find(list.begin(), list.end(), no_row) = to;
        back.push_back({level, to, from});
      }
    std::sort(back.begin(), back.end());
    std::vector<size_t> groups;
    for (size_t i = 0; i < back.size(); ++i)
      if (i == 0 || back[i].to != back[i - 1].to || back[i].level != back[i - 1].level) groups.push_back(i);
    groups.push_back(back.size());
    parallel_for(static_cast<int64_t>(groups.size()) - 1, 16, [&](int64_t begin, int64_t end) {
      RowScorer scorer(store_, beyond_);
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
        link_back(std::span(back).subspan(groups[i], groups[i + 1] - groups[i]), scorer);
    });
  }

  void find_links(uint32_t row, std::vector<NewLink>& found) const {
    thread_local SeenRows seen;
    thread_local Beam beam;
    RowScorer scorer(store_, beyond_), pairs(store_, beyond_);
    scorer.compare(row);
    const HnswLinks links = graph_.links();
    BeamRow best{0, graph_.entry};
    scorer.scores(&best.row, 1, &best.score);
    int64_t level = graph_.max_level;
    for (; level > levels_[row]; --level) best = descend(links, level, best, scorer);
    beam.begin(static_cast<size_t>(spec_.ef_construction));
    beam.add(best.row, best.score);
    std::vector<uint32_t> taken;
    for (; level >= 0; --level) {
      seen.begin(links.rows);
      seen.add(row);
      for (const auto& start : beam.rows()) seen.add(start.row);
      beam.forget_expanded();
      search_level(links, level, beam, seen, scorer);
      select_links(beam.rows(), static_cast<size_t>(spec_.m), pairs, taken);
      for (const uint32_t to : taken) found.push_back({static_cast<uint32_t>(level), to, row});
    }
  }

  // Links from one row to those that have linked to it; the best of all if they are too many.
  void link_back(std::span<const NewLink> links, RowScorer& scorer) {
    const auto list = list_of(links[0].to, links[0].level);
    const auto free = std::find(list.begin(), list.end(), no_row);
    if (static_cast<size_t>(list.end() - free) >= links.size()) {
      std::transform(links.begin(), links.end(), free, [](const NewLink& link) { return link.from; });
      return;
    }
    std::vector<uint32_t> ids(list.begin(), free);
    for (const auto& link : links) ids.push_back(link.from);
    std::vector<float> scores(ids.size());
    scorer.compare(links[0].to);
    scorer.scores(ids.data(), static_cast<int64_t>(ids.size()), scores.data());
    std::vector<BeamRow> candidates;
    for (size_t i = 0; i < ids.size(); ++i) candidates.push_back({scores[i], ids[i]});
    std::sort(candidates.begin(), candidates.end(), beam_before);
    std::vector<uint32_t> taken;
    select_links(candidates, list.size(), scorer, taken);
    std::fill(list.begin(), list.end(), no_row);
    std::copy(taken.begin(), taken.end(), list.begin());
  }

  std::span<uint32_t> list_of(uint32_t row, uint32_t level) {
    const auto width = static_cast<size_t>(spec_.m);
    if (level == 0) return std::span(graph_.lowest).subspan(row * 2 * width, 2 * width);
    return std::span(graph_.upper).subspan((graph_.upper_at[row] + size_t{level} - 1) * width, width);
  }

  const VectorStore& store_;
  const HnswSpec& spec_;
  std::vector<float> beyond_;
  HnswGraph graph_;
  std::vector<int64_t> levels_;
  std::vector<uint32_t> order_;
};

}  // namespace

HnswGraph build_hnsw(const VectorStore& store, const HnswSpec& spec, int64_t seed) {
  return HnswBuilder(store, spec, seed).build();
}

}  // namespace coppice
