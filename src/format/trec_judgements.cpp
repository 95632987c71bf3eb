#include <tuple>

#include "format/byte_source.h"
#include "format/trec.h"
#include "format/trec_lines.h"

namespace coppice {
namespace {

using namespace trec;

const char* form_of(JudgementFormat format) {
  switch (format) {
    case JudgementFormat::qrels:
      return "query iteration document grade";
    case JudgementFormat::prefs:
      return "query group subgroup document level";
    default:
      return "query group document grade";
  }
}

// A table of BEIR says so in its first line; its columns are separated by tabs.
bool is_beir_header(std::string_view line) {
  return line.starts_with("query-id\tcorpus-id\tscore");
}

class Reader {
 public:
  Reader(std::string_view text, JudgementFormat format, const std::string& where)
      : text_(text), format_(format), where_(where) {}

  Part<Judgement> read() {
    const char* end = text_.data() + text_.size();
    for_each_line(text_.data(), end, [this](const char* line, const char* stop) {
      const std::string_view whole(line, static_cast<size_t>(stop - line));
      if (part_.items.empty() && format_ == JudgementFormat::qrels && is_beir_header(whole))
        table_ = true;
      else if (table_)
        read_row(line, stop);
      else
        read_line(line, stop);
    });
    return std::move(part_);
  }

 private:
  void read_line(const char* line, const char* end) {
    const char* at = line;
    Judgement judgement;
    const std::string_view query = next_word(at, end);
    const std::string_view group = next_word(at, end);
    if (format_ != JudgementFormat::qrels) judgement.group = group;
    if (format_ == JudgementFormat::prefs) judgement.subgroup = next_word(at, end);
    judgement.doc = next_word(at, end);
    const std::string_view level = next_word(at, end);
    if (level.empty() || !next_word(at, end).empty()) wrong_words(line, end);
    add(line, query, judgement, level);
  }

  void read_row(const char* line, const char* end) {
    const std::string_view row(line, static_cast<size_t>(end - line));
    const size_t first = row.find('\t'), second = row.find('\t', first == row.npos ? first : first + 1);
    if (second == row.npos || row.find('\t', second + 1) != row.npos)
      bad_line(text_, line, where_, "a line of other columns",
               "query-id, corpus-id and score, separated by tabs");
    const char* at = line + second + 1;
    const std::string_view grade = next_word(at, end);
    const std::string_view query = row.substr(0, first), doc = row.substr(first + 1, second - first - 1);
    if (query.empty() || doc.empty())
      bad_line(text_, line, where_, "an empty name", "query-id and corpus-id");
    add(line, query, {.doc = doc}, grade);
  }

  void add(const char* line, std::string_view query, Judgement judgement, std::string_view level) {
    const auto number = to_number(level);
    const bool grades = format_ == JudgementFormat::qrels || format_ == JudgementFormat::qrels_jg;
    const bool right = number && std::isfinite(*number) &&
                       (!grades || (*number == std::trunc(*number) && std::abs(*number) <= max_grade));
    if (!right)
      bad_line(text_, line, where_, fmt::format("{} {}", grades ? "grade" : "level", shown(level)),
               grades ? fmt::format("a whole number between -{0} and {0}", max_grade) : "a number");
    judgement.level = *number;
    part_.add(query, judgement);
  }

  [[noreturn]] void wrong_words(const char* line, const char* end) const {
    size_t words = 0;
    for (const char* at = line; !next_word(at, end).empty();) ++words;
    bad_line(
        text_, line, where_, fmt::format("{} words", words), form_of(format_),
        words == 3 && format_ == JudgementFormat::qrels
            ? "a table of three columns begins with the line query-id, corpus-id, score, separated by tabs"
            : "");
  }

  std::string_view text_;
  JudgementFormat format_;
  const std::string& where_;
  Part<Judgement> part_;
  bool table_ = false;
};

}  // namespace

TrecJudgements TrecJudgements::parse(std::string_view text, JudgementFormat format,
                                     const std::string& where) {
  TrecJudgements result;
  result.where_ = where;
  result.format_ = format;
  std::vector<Part<Judgement>> parts;
  parts.push_back(Reader(text, format, where).read());
  result.queries_ = group_by_query<Query>(parts, result.gathered_);
  if (result.queries_.empty())
    throw Error({.where = where, .found = "no judgement", .expected = form_of(format)});
  result.judged_ = std::move(parts.front().items);

  const bool grouped = format == JudgementFormat::qrels_jg;
  const auto key = [grouped](const Judgement& j) {
    return std::tuple(grouped ? j.group : std::string_view(), j.doc);
  };
  for (auto& query : result.queries_) {
    // The spans point into the two vectors of `result`.
    const std::span<Judgement> judged(const_cast<Judgement*>(query.judged.data()), query.judged.size());
    const auto before = [&key](const Judgement& a, const Judgement& b) { return key(a) < key(b); };
    if (!std::is_sorted(judged.begin(), judged.end(), before))
      std::stable_sort(judged.begin(), judged.end(), before);
    if (format == JudgementFormat::prefs || format == JudgementFormat::qrels_prefs) continue;
    const auto twice =
        std::adjacent_find(judged.begin(), judged.end(),
                           [&key](const Judgement& a, const Judgement& b) { return key(a) == key(b); });
    if (twice != judged.end())
      throw Error({.where = where,
                   .found = fmt::format("document '{}' twice for query '{}'", twice->doc, query.id),
                   .expected = "one judgement of each document"});
  }
  return result;
}

std::filesystem::path find_judgements(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(path)) return path;
  const fs::path folder = fs::is_directory(path / "qrels") ? path / "qrels" : path;
  std::vector<fs::path> tables;
  for (const char* name : {"test.tsv", "test.tsv.gz", "test.tsv.zst"})
    if (fs::is_regular_file(folder / name)) return folder / name;
  for (const auto& entry : fs::directory_iterator(folder))
    if (without_packing(entry.path()).extension() == ".tsv") tables.push_back(entry.path());
  if (tables.size() == 1) return tables[0];
  throw Error({.where = folder.string(),
               .found = fmt::format("{} tables of judgements", tables.size()),
               .expected = "test.tsv, or a single .tsv",
               .advice = "name the file"});
}

TrecJudgements TrecJudgements::read(const std::filesystem::path& path, JudgementFormat format) {
  FileText file(path);
  TrecJudgements result = parse(file.text(), format, path.string());
  result.file_ = std::move(file);
  return result;
}

const TrecJudgements::Query* TrecJudgements::find(std::string_view query) const {
  return find_query(queries_, query);
}

}  // namespace coppice
