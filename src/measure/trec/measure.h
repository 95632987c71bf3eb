#pragma once
// A measure: names of its values and how they are computed for a query. Formulas, and the order in which their terms are
// added, are those of trec_eval 10, so that printed digits are equal.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/registry.h"
#include "measure/trec/judged_ranking.h"
#include "measure/trec/preferences.h"

namespace coppice {

// What a measure sees of one query.
struct QueryView {
  const JudgedRanking* ranking = nullptr;         // Needs::ranking
  std::span<const JudgedRanking> groups;          // Needs::groups: the same list by each group's judgements
  const PreferenceCounts* preferences = nullptr;  // Needs::preferences
  int64_t documents = 0;                          // in the collection, if told
};

enum class Needs { nothing, ranking, groups, preferences };

// How values of queries become one.
enum class Summary {
  mean,
  geometric_mean,  // of values that are logarithms
  sum,
  queries,   // the number of queries
  relevant,  // the sum; of all queries that have judgements, if all count, the documents of a grade above 0
  none,
};

enum class Shown { real, whole, text };

struct Measure {
  std::vector<std::string> names;
  Needs needs = Needs::ranking;
  Summary summary = Summary::mean;
  Shown shown = Shown::real;
  bool by_query = true;  // printed for single queries
  bool zero_when_absent =
      false;  // counts 0 for a query without documents, which else is as one wrong document
  std::function<void(const QueryView& query, std::span<double> values)> calculate;
  std::function<std::string(const QueryView& query)> text = {};  // of Shown::text
};

// A grade and its gain: `3=9.5`; or another parameter by name: `p=0.8`.
using NamedNumber = std::pair<std::string, double>;

struct MeasureParameters {
  std::vector<int64_t> cutoffs;
  std::vector<double> numbers;
  std::vector<NamedNumber> pairs;
  std::string suffix;  // "_1=3,2=9" if they were given, else empty
};

enum class ParameterKind {
  none,
  cutoffs,    // whole numbers above 0, ascending, one value for each
  fractions,  // numbers, ascending, one value for each
  numbers,    // numbers in order
  pairs,      // name=number
};

// A measure that may have parameters, as trec_eval spells it: `name` or `name.parameters`.
struct MeasureFamily {
  std::string help;
  ParameterKind kind = ParameterKind::none;
  std::string defaults;
  Measure (*make)(const std::string& name, const MeasureParameters& parameters) = nullptr;
};

using FamilyEntry = Registry<MeasureFamily>::Entry;

// The families of each file, in the order in which they are printed.
FamilyEntry family_runid();
FamilyEntry family_num_q();
FamilyEntry family_num_ret();
FamilyEntry family_num_rel();
FamilyEntry family_num_rel_ret();
FamilyEntry family_num_nonrel_judged_ret();
FamilyEntry family_map();
FamilyEntry family_gm_map();
FamilyEntry family_map_cut();
FamilyEntry family_map_avgjg();
FamilyEntry family_yaap();
FamilyEntry family_infap();
FamilyEntry family_rprec();
FamilyEntry family_rprec_mult();
FamilyEntry family_rprec_mult_avgjg();
FamilyEntry family_bpref();
FamilyEntry family_gm_bpref();
FamilyEntry family_recip_rank();
FamilyEntry family_iprec_at_recall();
FamilyEntry family_11pt_avg();
FamilyEntry family_p();
FamilyEntry family_p_avgjg();
FamilyEntry family_relative_p();
FamilyEntry family_recall();
FamilyEntry family_success();
FamilyEntry family_unj();
FamilyEntry family_relstring();
FamilyEntry family_utility();
FamilyEntry family_bing();
FamilyEntry family_g();
FamilyEntry family_dcg();
FamilyEntry family_ideal_dcg();
FamilyEntry family_ndcg();
FamilyEntry family_ndcg_rel();
FamilyEntry family_rndcg();
FamilyEntry family_ndcg_cut();
FamilyEntry family_set_p();
FamilyEntry family_set_relative_p();
FamilyEntry family_set_recall();
FamilyEntry family_set_map();
FamilyEntry family_set_f();
FamilyEntry family_rbp();
FamilyEntry family_rbp_resid();
// prefs_…, fourteen of them.
std::vector<FamilyEntry> families_of_preferences();

// All of trec_eval's measures.
const Registry<MeasureFamily>& measure_families();
// Names of several measures at once: official, set, all_trec, all_prefs, prefs, qrels_jg.
const Registry<std::vector<std::string>>& measure_groups();

// The measure that `name` with `parameters` (may be empty) means. Wrong parameters are usage Errors.
Measure make_measure(const std::string& name, const std::string& parameters);

// Sorted, as `name_5`, `name_10`, …
std::vector<std::string> names_with_cutoffs(const std::string& name, const std::vector<int64_t>& cutoffs);
// `name_0.20`, …
std::vector<std::string> names_with_fractions(const std::string& name, const std::vector<double>& fractions);

}  // namespace coppice
