#include "measure/trec/zscores.h"

#include "format/file_text.h"
#include "format/trec_lines.h"

namespace coppice {

ZScores ZScores::parse(std::string_view text, const std::string& where) {
  constexpr const char* form = "query measure mean deviation";
  ZScores scores;
  trec::for_each_line(text.data(), text.data() + text.size(), [&](const char* line, const char* end) {
    const char* at = line;
    const std::string query(trec::next_word(at, end)), measure(trec::next_word(at, end));
    const auto mean = trec::to_number(trec::next_word(at, end)),
               deviation = trec::to_number(trec::next_word(at, end));
    if (!mean || !deviation || !trec::next_word(at, end).empty())
      trec::bad_line(text, line, where, trec::shown({line, static_cast<size_t>(end - line)}), form);
    scores.references_.emplace(std::pair(query, measure), Reference{*mean, *deviation});
  });
  if (scores.references_.empty()) throw Error({.where = where, .found = "no line", .expected = form});
  return scores;
}

ZScores ZScores::read(const std::filesystem::path& path) {
  return parse(FileText(path).text(), path.string());
}

double ZScores::of(const std::string& query, const std::string& measure, double value) const {
  const auto found = references_.find({query, measure});
  if (found == references_.end()) return missing;
  const auto [mean, deviation] = found->second;
  if (deviation != 0) return (value - mean) / deviation;
  return value == mean ? 0 : missing;
}

}  // namespace coppice
