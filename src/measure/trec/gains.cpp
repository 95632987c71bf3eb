#include "measure/trec/gains.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace coppice {
namespace {

// "-1" as a grade; other names are not grades.
std::optional<int64_t> grade_of(std::string_view name) {
  if (name.starts_with('+')) name.remove_prefix(1);
  int64_t grade = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), grade);
  if (name.empty() || error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return grade;
}

// Whether trec_eval puts b before a: by the difference cut to a whole number.
bool comes_after(const GradeGain& a, const GradeGain& b) {
  return std::trunc(a.gain - b.gain) > 0;
}

// That comparison is no order, so its outcome depends on the way of sorting: a merge sort of halves, the first half
// being the shorter.
void merge_sort(std::span<GradeGain> levels) {
  if (levels.size() < 2) return;
  const std::span first = levels.first(levels.size() / 2), second = levels.subspan(levels.size() / 2);
  merge_sort(first);
  merge_sort(second);
  std::vector<GradeGain> merged;
  size_t i = 0, j = 0;
  while (i < first.size() && j < second.size())
    merged.push_back(comes_after(first[i], second[j]) ? second[j++] : first[i++]);
  merged.insert(merged.end(), first.begin() + static_cast<std::ptrdiff_t>(i), first.end());
  merged.insert(merged.end(), second.begin() + static_cast<std::ptrdiff_t>(j), second.end());
  std::copy(merged.begin(), merged.end(), levels.begin());
}

}  // namespace

Gains::Gains(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs) {
  for (const auto& [name, gain] : pairs)
    if (const auto grade = grade_of(name)) levels_.push_back({*grade, 0, gain});
  for (size_t grade = 0; grade < ranking.documents_at.size(); ++grade) {
    const int64_t documents = ranking.documents_at[grade];
    const auto given = std::find_if(levels_.begin(), levels_.end(), [grade](const GradeGain& level) {
      return level.grade == static_cast<int64_t>(grade);
    });
    if (given != levels_.end())
      given->documents = documents;
    else
      levels_.push_back({static_cast<int64_t>(grade), documents, static_cast<double>(grade)});
  }
  merge_sort(levels_);
}

double Gains::of(int32_t grade) const {
  for (const auto& level : levels_)
    if (level.grade == grade) return level.gain;
  return 0;
}

double discount(int64_t rank) {
  static const std::vector<double> table = [] {
    std::vector<double> values;
    for (int i = 0; i < 4096; ++i) values.push_back(std::log2(static_cast<double>(i + 2)));
    return values;
  }();
  const auto at = static_cast<size_t>(rank);
  return at < table.size() ? table[at] : std::log2(static_cast<double>(rank + 2));
}

}  // namespace coppice
