#include "measure/trec/judged_ranking.h"

#include <algorithm>

#include "base/error.h"

namespace coppice {

int64_t JudgedRanking::relevant_among(int64_t count) const {
  return std::lower_bound(relevant_ranks.begin(), relevant_ranks.end(), count) - relevant_ranks.begin();
}

template <class Before>
void RankingJudge::rank_by(Before before, std::span<const RunDoc> docs, int64_t cut, std::string_view query,
                           const std::string& where) {
  if (!std::is_sorted(docs.begin(), docs.end(), before)) {
    sorted_.assign(docs.begin(), docs.end());
    std::sort(sorted_.begin(), sorted_.end(), before);
    docs = sorted_;
  }
  ranked_ = docs.first(std::min(docs.size(), static_cast<size_t>(std::max<int64_t>(cut, 0))));
  if (!table_.fill(ranked_))
    throw Error({.where = where,
                 .found = fmt::format("document '{}' twice for query '{}'", table_.twice(), query),
                 .expected = "each document once in a ranking"});
}

void RankingJudge::rank(std::span<const RunDoc> docs, int64_t cut, std::string_view query,
                        const std::string& where) {
  rank_by(ranks_before, docs, cut, query, where);
}

void RankingJudge::rank_for_preferences(std::span<const RunDoc> docs, int64_t cut, std::string_view query,
                                        const std::string& where) {
  const auto before = [](const RunDoc& a, const RunDoc& b) {
    return a.score != b.score ? a.score > b.score : a.doc < b.doc;
  };
  rank_by(before, docs, cut, query, where);
}

JudgedRanking RankingJudge::judge(std::span<const Judgement> judged) const {
  JudgedRanking ranking;
  ranking.grades.assign(ranked_.size(), outside_pool);
  for (const auto& judgement : judged) {
    const auto grade = static_cast<int32_t>(judgement.level);
    if (grade >= 0) {
      if (static_cast<size_t>(grade) >= ranking.documents_at.size())
        ranking.documents_at.resize(static_cast<size_t>(grade) + 1);
      ++ranking.documents_at[static_cast<size_t>(grade)];
    }
    if (const auto rank = table_.find(judgement.doc)) {
      ranking.grades[*rank] = grade < 0 ? unjudged_in_pool : grade;
      ranking.pool_ranks.push_back(static_cast<int32_t>(*rank));
    }
  }
  std::sort(ranking.pool_ranks.begin(), ranking.pool_ranks.end());
  return ranking;
}

JudgedRanking view_of(const JudgedRanking& ranking, const RankingView& view) {
  JudgedRanking seen;
  seen.relevance_level = view.relevance_level;
  seen.documents_at = ranking.documents_at;
  if (view.judged_only) {
    for (const int32_t rank : ranking.pool_ranks) {
      if (static_cast<int64_t>(seen.grades.size()) >= view.cut) break;
      if (const int32_t grade = ranking.grades[static_cast<size_t>(rank)]; grade >= 0) {
        seen.pool_ranks.push_back(static_cast<int32_t>(seen.grades.size()));
        seen.grades.push_back(grade);
      }
    }
  } else {
    const auto kept = static_cast<size_t>(std::min(ranking.retrieved(), std::max<int64_t>(view.cut, 0)));
    seen.grades.assign(ranking.grades.begin(), ranking.grades.begin() + static_cast<std::ptrdiff_t>(kept));
    for (const int32_t rank : ranking.pool_ranks)
      if (static_cast<size_t>(rank) < kept) seen.pool_ranks.push_back(rank);
    seen.outside = static_cast<int64_t>(kept - seen.pool_ranks.size());
  }
  for (const int32_t rank : seen.pool_ranks) {
    const int32_t grade = seen.grades[static_cast<size_t>(rank)];
    if (grade < 0)
      ++seen.unjudged;
    else if (grade >= view.relevance_level)
      seen.relevant_ranks.push_back(rank);
  }
  for (size_t grade = 0; grade < seen.documents_at.size(); ++grade)
    if (static_cast<int64_t>(grade) >= view.relevance_level) seen.relevant += seen.documents_at[grade];
  return seen;
}

}  // namespace coppice
