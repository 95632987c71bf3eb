#pragma once
// Judged preferences between documents of a query, and what a ranking makes of them. A preference of a over b is
// fulfilled if a is ranked above b, or a is retrieved and b is not.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/trec.h"
#include "measure/trec/judged_ranking.h"

namespace coppice {

// The preferences of one person. Documents are numbered by place in the ranking among the judged ones, then, if they
// were not retrieved, by name.
struct PreferenceGroup {
  // Of one subgroup: classes of equally good documents, best first; each ascending.
  struct Class {
    double level;
    std::vector<int32_t> docs;
  };
  std::vector<Class> classes;
  // Of several: prefers[a * judged + b], with what follows by transitivity; and each document's level, -1 if it has none.
  std::vector<uint8_t> prefers;
  std::vector<double> levels;

  // Pairs of two retrieved documents, of one, of none.
  int64_t fulfilled_retrieved = 0, possible_retrieved = 0;
  int64_t fulfilled_implied = 0, possible_implied = 0, possible_absent = 0;
  int64_t relevant = 0, relevant_retrieved = 0, not_relevant = 0, not_relevant_retrieved = 0;
};

struct PreferenceCounts {
  int64_t judged = 0, judged_retrieved = 0;
  std::vector<PreferenceGroup> groups;
  std::vector<uint16_t> preferring;  // [a * judged + b]: groups that prefer a to b

  int64_t preferring_groups(int64_t a, int64_t b) const {
    return preferring[static_cast<size_t>(a * judged + b)];
  }
};

// Joins judgements (prefs or qrels_prefs; ascending by document) with the list that `judge` ranked last. Equal scores are
// ranked here by document name, rising, as trec_eval does for preferences: see RankingJudge::rank_for_preferences.
// A group that contradicts itself is an Error that names `where` and the query.
PreferenceCounts count_preferences(std::span<const Judgement> judged, const RankingJudge& judge,
                                   std::string_view query, const std::string& where);

}  // namespace coppice
