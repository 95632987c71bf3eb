#include "measure/measure_names.h"

#include <algorithm>
#include <map>

#include "measure/ir/ir_measures.h"

namespace coppice {
namespace {

[[noreturn]] void unknown(const std::string& word) {
  std::vector<std::string> known = measure_families().names();
  for (const auto& names : {measure_groups().names(), ir_measure_names()})
    known.insert(known.end(), names.begin(), names.end());
  const std::string name = word.substr(0, word.find_first_of(".@("));
  const std::string nearest = nearest_name(name, known);
  throw Error(
      {.where = "measure",
       .found = fmt::format("unknown measure '{}'", word),
       .advice = nearest.empty() ? "names are trec_eval's (map, P.5,10, all_trec) or as in nDCG@10, AP, RR@10"
                                 : fmt::format("did you mean '{}'?", nearest)},
      Fault::usage);
}

// `ndcg_cut_10` as a value is called, as `ndcg_cut` and `10`; the name alone if it is not one.
std::pair<std::string, std::string> split_value_name(const std::string& word) {
  const size_t underscore = word.rfind('_');
  if (underscore == word.npos || measure_families().find(word) != nullptr) return {word, ""};
  const MeasureFamily* family = measure_families().find(word.substr(0, underscore));
  const std::string number = word.substr(underscore + 1);
  const bool digits = !number.empty() && number.find_first_not_of("0123456789.") == number.npos;
  const bool cut = family != nullptr &&
                   (family->kind == ParameterKind::cutoffs || family->kind == ParameterKind::fractions);
  if (!cut || !digits) return {word, ""};
  return {word.substr(0, underscore), number};
}

}  // namespace

std::vector<MeasureRequest> parse_measures(std::span<const std::string> words) {
  std::map<std::string, std::string> wanted;               // trec_eval's, with parameters
  std::map<std::string, std::vector<std::string>> values;  // cutoffs asked for by the names of values
  std::vector<MeasureRequest> others;
  const auto want = [&wanted](const std::string& name, const std::string& parameters) {
    std::string& known = wanted[name];
    if (known.empty()) known = parameters;
  };
  for (const std::string& word : words) {
    const size_t dot = word.find('.');
    const std::string name = word.substr(0, dot);
    if (const auto* group = measure_groups().find(name); group != nullptr && dot == word.npos) {
      for (const auto& member : *group) want(member, "");
    } else if (measure_families().find(name) != nullptr) {
      if (dot + 1 == word.size())
        throw Error({.where = "measure " + word, .found = "a dot", .expected = "parameters behind it"},
                    Fault::usage);
      want(name, dot == word.npos ? "" : word.substr(dot + 1));
    } else if (const auto [family, cutoff] = split_value_name(word); !cutoff.empty()) {
      values[family].push_back(cutoff);
    } else if (is_ir_measure(word)) {
      others.push_back(parse_ir_measure(word));
    } else {
      unknown(word);
    }
  }
  for (auto& [family, cutoffs] : values) {
    std::string list;
    std::sort(cutoffs.begin(), cutoffs.end());
    cutoffs.erase(std::unique(cutoffs.begin(), cutoffs.end()), cutoffs.end());
    for (const auto& cutoff : cutoffs) list += (list.empty() ? "" : ",") + cutoff;
    want(family, list);
  }
  std::vector<MeasureRequest> requests;
  for (const auto& [name, family] : measure_families())
    if (const auto found = wanted.find(name); found != wanted.end())
      requests.push_back({.measure = make_measure(name, found->second)});
  std::move(others.begin(), others.end(), std::back_inserter(requests));
  return requests;
}

}  // namespace coppice
