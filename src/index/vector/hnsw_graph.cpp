#include "index/vector/hnsw_graph.h"

namespace coppice {
namespace {

struct QueryScorer {
  const VectorStore& store;
  const PreparedQuery& query;
  void scores(const uint32_t* ids, int64_t count, float* scores) const {
    store.quick_scores(query, ids, count, scores);
  }
  void prefetch(uint32_t row) const { store.prefetch(row); }
};

}  // namespace

std::vector<uint32_t> hnsw_rows(const HnswLinks& links, const VectorStore& store, const PreparedQuery& query,
                                size_t wanted, int64_t& scored) {
  std::vector<uint32_t> rows;
  if (links.rows == 0) return rows;
  thread_local SeenRows seen;
  thread_local Beam beam;
  const QueryScorer scorer{store, query};
  BeamRow best{0, links.entry};
  scorer.scores(&best.row, 1, &best.score);
  for (int64_t level = links.max_level; level > 0; --level) best = descend(links, level, best, scorer);
  seen.begin(links.rows);
  seen.add(best.row);
  beam.begin(wanted);
  beam.add(best.row, best.score);
  scored += search_level(links, 0, beam, seen, scorer);
  rows.reserve(beam.rows().size());
  for (const auto& found : beam.rows()) rows.push_back(found.row);
  return rows;
}

void verify_hnsw(const HnswLinks& links, const std::string& where) {
  const auto fail = [&](std::string found) { throw Error({.where = where, .found = std::move(found)}); };
  if (links.rows == 0) return;
  const auto check = [&](std::span<const uint32_t> list) {
    bool ended = false;
    for (const uint32_t id : list) {
      if (id != no_row && (ended || id >= links.rows))
        fail(fmt::format("a link to row {} of {}", id, links.rows));
      ended = ended || id == no_row;
    }
  };
  const size_t width = static_cast<size_t>(links.m);
  for (size_t i = 0; i < links.lowest.size(); i += 2 * width) check(links.lowest.subspan(i, 2 * width));
  for (size_t i = 0; i < links.upper.size(); i += width) check(links.upper.subspan(i, width));
  for (const uint32_t at : links.upper_at)
    if (at != no_row && at >= links.upper.size() / width)
      fail(fmt::format("links at {} of {}", at, links.upper.size() / width));
}

}  // namespace coppice
