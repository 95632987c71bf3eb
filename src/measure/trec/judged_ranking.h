#pragma once
// A ranked list of one query joined with its judgements: what measures are computed from.

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/trec.h"
#include "measure/trec/doc_table.h"

namespace coppice {

// Grades of retrieved documents that were not judged.
inline constexpr int32_t outside_pool = -1, unjudged_in_pool = -2;

inline constexpr int64_t no_cut = std::numeric_limits<int64_t>::max();

// How a ranking is looked at.
struct RankingView {
  int64_t relevance_level = 1;  // from this grade on a document is relevant
  int64_t cut = no_cut;         // only so many documents of the list
  bool judged_only = false;     // documents without a judgement are taken out first
  bool operator==(const RankingView&) const = default;
};

struct JudgedRanking {
  std::vector<int32_t> grades;          // by rank; at least 0, or one of the two above
  std::vector<int32_t> pool_ranks;      // ranks, from 0, of the documents that are in the pool
  std::vector<int32_t> relevant_ranks;  // and of the relevant ones
  std::vector<int64_t> documents_at;    // judged documents of each grade from 0 on, retrieved or not
  int64_t relevance_level = 1;
  int64_t relevant = 0;               // judged relevant, retrieved or not
  int64_t outside = 0, unjudged = 0;  // retrieved documents outside the pool, and in it without a judgement

  int64_t retrieved() const { return static_cast<int64_t>(grades.size()); }
  int64_t relevant_retrieved() const { return static_cast<int64_t>(relevant_ranks.size()); }
  // Relevant documents among the first `count`.
  int64_t relevant_among(int64_t count) const;
};

// Joins lists with judgements, query by query; one object for each thread.
class RankingJudge {
 public:
  // Puts the documents in trec_eval's order and keeps the first `cut`. A document that is then there twice is an Error
  // that names `where` and the query.
  void rank(std::span<const RunDoc> docs, int64_t cut, std::string_view query, const std::string& where);
  // The same with equal scores by document name, rising: trec_eval ranks so for preferences.
  void rank_for_preferences(std::span<const RunDoc> docs, int64_t cut, std::string_view query,
                            const std::string& where);
  // The ranking of the query that was ranked last, by judgements of one group.
  JudgedRanking judge(std::span<const Judgement> judged) const;

  std::span<const RunDoc> ranked() const { return ranked_; }
  const DocTable& table() const { return table_; }

 private:
  template <class Before>
  void rank_by(Before before, std::span<const RunDoc> docs, int64_t cut, std::string_view query,
               const std::string& where);

  std::vector<RunDoc> sorted_;
  std::span<const RunDoc> ranked_;
  DocTable table_;
};

// The same ranking seen so; `ranking` is as RankingJudge made it.
JudgedRanking view_of(const JudgedRanking& ranking, const RankingView& view);

}  // namespace coppice
