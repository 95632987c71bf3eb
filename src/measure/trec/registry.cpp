#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "format/trec_words.h"
#include "measure/trec/measure.h"

namespace coppice {
namespace {

// The longest lists that a command line reasonably gives.
constexpr int64_t max_cutoff = int64_t{1} << 40;

[[noreturn]] void bad_parameters(const std::string& where, const std::string& found,
                                 const std::string& expected) {
  throw Error({.where = where, .found = found, .expected = expected}, Fault::usage);
}

double number_of(const std::string& word, const std::string& where) {
  const auto number = trec::to_number(word);
  if (!number || !std::isfinite(*number)) bad_parameters(where, fmt::format("'{}'", word), "a number");
  return *number;
}

template <class T>
void sort_cutoffs(std::vector<T>& cutoffs, const std::string& where) {
  std::sort(cutoffs.begin(), cutoffs.end());
  if (std::adjacent_find(cutoffs.begin(), cutoffs.end()) != cutoffs.end())
    bad_parameters(where, "the same cutoff twice", "cutoffs that differ");
}

MeasureParameters parse_parameters(ParameterKind kind, const std::string& text, const std::string& where) {
  MeasureParameters parameters;
  if (kind == ParameterKind::none || text.empty()) return parameters;
  for (const std::string& word : split(text, ',')) {
    const size_t equals = word.find('=');
    switch (kind) {
      case ParameterKind::cutoffs: {
        // As trec_eval has it, 23.4 means 23.
        const double cutoff = std::trunc(number_of(word, where));
        if (cutoff < 1 || cutoff > static_cast<double>(max_cutoff))
          bad_parameters(where, fmt::format("cutoff '{}'", word), "a whole number of at least 1");
        parameters.cutoffs.push_back(static_cast<int64_t>(cutoff));
        break;
      }
      case ParameterKind::pairs:
        if (equals == word.npos || equals == 0)
          bad_parameters(where, fmt::format("'{}'", word), "pairs such as 1=3.5,2=9");
        parameters.pairs.emplace_back(word.substr(0, equals), number_of(word.substr(equals + 1), where));
        break;
      default:
        parameters.numbers.push_back(number_of(word, where));
    }
  }
  sort_cutoffs(parameters.cutoffs, where);
  if (kind == ParameterKind::fractions) sort_cutoffs(parameters.numbers, where);
  return parameters;
}

std::vector<FamilyEntry> all_families() {
  std::vector<FamilyEntry> all = {
      family_runid(),       family_num_q(),      family_num_ret(),         family_num_rel(),
      family_num_rel_ret(), family_map(),        family_gm_map(),          family_rprec(),
      family_bpref(),       family_recip_rank(), family_iprec_at_recall(), family_p(),
      family_relstring(),   family_recall(),     family_infap(),           family_gm_bpref(),
      family_rprec_mult(),  family_utility(),    family_11pt_avg(),        family_bing(),
      family_g(),           family_dcg(),        family_ideal_dcg(),       family_ndcg(),
      family_ndcg_rel(),    family_rndcg(),      family_ndcg_cut(),        family_map_cut(),
      family_relative_p(),  family_success(),    family_set_p(),           family_set_relative_p(),
      family_set_recall(),  family_set_map(),    family_set_f(),           family_num_nonrel_judged_ret(),
  };
  for (auto& family : families_of_preferences()) all.push_back(std::move(family));
  for (auto family : {family_map_avgjg, family_p_avgjg, family_rprec_mult_avgjg, family_yaap, family_rbp,
                      family_rbp_resid, family_unj})
    all.push_back(family());
  return all;
}

}  // namespace

const Registry<MeasureFamily>& measure_families() {
  static const Registry<MeasureFamily> all("measure", all_families());
  return all;
}

const Registry<std::vector<std::string>>& measure_groups() {
  static const Registry<std::vector<std::string>> all(
      "group of measures",
      {{"official",
        {"runid", "num_q", "num_ret", "num_rel", "num_rel_ret", "map", "gm_map", "Rprec", "bpref",
         "recip_rank", "iprec_at_recall", "P"}},
       {"set",
        {"runid", "num_q", "num_ret", "num_rel", "num_rel_ret", "utility", "set_P", "set_recall",
         "set_relative_P", "set_map", "set_F"}},
       {"all_trec",
        {"runid",
         "num_q",
         "num_ret",
         "num_rel",
         "num_rel_ret",
         "map",
         "gm_map",
         "Rprec",
         "bpref",
         "recip_rank",
         "iprec_at_recall",
         "P",
         "relstring",
         "recall",
         "unj",
         "rbp",
         "rbp_resid",
         "infAP",
         "gm_bpref",
         "utility",
         "11pt_avg",
         "ndcg",
         "relative_P",
         "Rprec_mult",
         "success",
         "map_cut",
         "ndcg_cut",
         "ndcg_rel",
         "Rndcg",
         "binG",
         "G",
         "set_P",
         "set_recall",
         "set_relative_P",
         "set_map",
         "set_F",
         "num_nonrel_judged_ret"}},
       {"all_prefs",
        {"runid", "num_q", "prefs_num_prefs_poss", "prefs_num_prefs_ful", "prefs_num_prefs_ful_ret",
         "prefs_simp", "prefs_pair", "prefs_avgjg", "prefs_avgjg_Rnonrel", "prefs_simp_ret", "prefs_pair_ret",
         "prefs_avgjg_ret", "prefs_avgjg_Rnonrel_ret", "prefs_simp_imp", "prefs_pair_imp",
         "prefs_avgjg_imp"}},
       {"prefs",
        {"runid", "num_q", "prefs_num_prefs_poss", "prefs_num_prefs_ful", "prefs_num_prefs_ful_ret",
         "prefs_simp", "prefs_pair", "prefs_avgjg"}},
       {"qrels_jg", {"runid", "num_q", "map_avgjg", "P_avgjg", "Rprec_mult_avgjg"}}});
  return all;
}

Measure make_measure(const std::string& name, const std::string& parameters) {
  const MeasureFamily& family = measure_families().get(name, "measure");
  const std::string where = fmt::format("measure {}.{}", name, parameters);
  if (family.kind == ParameterKind::none && !parameters.empty())
    bad_parameters(where, "parameters", fmt::format("{} without any", name));
  MeasureParameters parsed =
      parse_parameters(family.kind, parameters.empty() ? family.defaults : parameters, where);
  if (!parameters.empty()) parsed.suffix = "_" + parameters;
  return family.make(name, parsed);
}

std::vector<std::string> names_with_cutoffs(const std::string& name, const std::vector<int64_t>& cutoffs) {
  std::vector<std::string> names;
  for (const int64_t cutoff : cutoffs) names.push_back(fmt::format("{}_{}", name, cutoff));
  return names;
}

std::vector<std::string> names_with_fractions(const std::string& name, const std::vector<double>& fractions) {
  std::vector<std::string> names;
  for (const double fraction : fractions) names.push_back(fmt::format("{}_{:3.2f}", name, fraction));
  return names;
}

}  // namespace coppice
