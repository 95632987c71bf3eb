#include "text/analysis/language_fit.h"

#include <algorithm>
#include <span>

#include "text/unicode_script.h"
#include "text/utf8.h"

namespace coppice {
namespace {

struct Fit {
  std::string_view analyzer;
  std::vector<std::string_view> scripts;
};

// Analyzers of languages that are not written in Latin script.
const std::vector<Fit>& fits() {
  static const std::vector<Fit> list = {
      {"arabic", {"Arabic"}},
      {"persian", {"Arabic"}},
      {"amharic", {"Ethiopic"}},
      {"armenian", {"Armenian"}},
      {"bengali", {"Bengali"}},
      {"bulgarian", {"Cyrillic"}},
      {"burmese", {"Myanmar"}},
      {"chinese", {"Han", "Hiragana", "Katakana", "Hangul"}},
      {"cjk", {"Han", "Hiragana", "Katakana", "Hangul"}},
      {"greek", {"Greek"}},
      {"hebrew", {"Hebrew"}},
      {"hindi", {"Devanagari"}},
      {"japanese", {"Han", "Hiragana", "Katakana"}},
      {"khmer", {"Khmer"}},
      {"korean", {"Hangul", "Han"}},
      {"lao", {"Lao"}},
      {"nepali", {"Devanagari"}},
      {"russian", {"Cyrillic"}},
      {"serbian", {"Cyrillic", "Latin"}},
      {"tamil", {"Tamil"}},
      {"thai", {"Thai"}},
      {"ukrainian", {"Cyrillic"}},
      {"yiddish", {"Hebrew", "Latin"}},
  };
  return list;
}

// Cut by rules of Unicode, these are not words.
constexpr std::string_view without_spaces[] = {"Thai", "Lao", "Khmer", "Myanmar"};
constexpr std::string_view made_for_all[] = {"standard", "whitespace", "keyword", "ngram"};

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool is_made_for(std::string_view analyzer, std::string_view script) {
  if (contains(made_for_all, analyzer)) return analyzer != "standard" || !contains(without_spaces, script);
  for (const auto& fit : fits())
    if (fit.analyzer == analyzer) return contains(fit.scripts, script);
  return script == "Latin";
}

std::string_view suggestion(std::string_view script) {
  if (script == "Latin") return "english or another language's";
  if (script == "Cyrillic") return "russian";
  if (script == "Han") return "chinese";
  if (script == "Hiragana" || script == "Katakana") return "japanese";
  for (const auto& fit : fits())
    if (fit.scripts.front() == script) return fit.analyzer;
  return "standard";
}

}  // namespace

void ScriptCensus::add(std::string_view text) {
  constexpr size_t enough = 1024;
  static const int latin = unicode_script('a');
  const size_t end = std::min(text.size(), enough);
  for (size_t at = 0; at < end;) {
    const char32_t c = next_character(text, at);
    if (!is_letter(c)) continue;
    const int script = c < 0x80 ? latin : unicode_script(c);
    if (script < 0) continue;
    if (by_script_.size() <= static_cast<size_t>(script)) by_script_.resize(static_cast<size_t>(script) + 1);
    ++by_script_[static_cast<size_t>(script)];
    ++letters_;
  }
}

std::vector<std::pair<std::string, double>> ScriptCensus::shares() const {
  std::vector<std::pair<std::string, double>> list;
  for (size_t script = 0; script < by_script_.size(); ++script)
    if (by_script_[script] > 0)
      list.emplace_back(unicode_script_name(static_cast<int>(script)),
                        static_cast<double>(by_script_[script]) / static_cast<double>(letters_));
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return list;
}

double ScriptCensus::share_of(std::string_view script) const {
  for (const auto& [name, share] : shares())
    if (name == script) return share;
  return 0;
}

std::string script_misfit(const AnalyzerSpec& analyzer, const ScriptCensus& census) {
  constexpr int64_t too_few = 50;
  if (census.letters() < too_few) return "";
  double foreign = 0;
  std::string largest;
  for (const auto& [script, share] : census.shares()) {
    if (script == "Common" || script == "Inherited" || is_made_for(analyzer.name, script)) continue;
    foreign += share;
    if (largest.empty()) largest = script;
  }
  if (foreign < 0.5) return "";
  return fmt::format("{:.0f}% of the letters are {}, for which the analyzer '{}' is not made: --analyzer {}",
                     100 * census.share_of(largest), largest, analyzer.name, suggestion(largest));
}

}  // namespace coppice
