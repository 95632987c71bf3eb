#pragma once
// Files of TREC evaluations: runs (ranked lists of documents by query) and relevance judgements. Words are separated by
// blanks; lines that begin with # and empty lines are passed over. Files may be packed by gzip or zstd. Queries and
// documents are views into the file's text, which is mapped or unpacked and read once; nothing is allocated for a line.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "base/file.h"
#include "format/file_text.h"

namespace coppice {

struct RunDoc {
  std::string_view doc;
  double score = 0;
  bool operator==(const RunDoc&) const = default;
};

// The order in which trec_eval ranks: by score, falling, then by document name, falling (of bytes).
inline bool ranks_before(const RunDoc& a, const RunDoc& b) {
  return a.score != b.score ? a.score > b.score : a.doc > b.doc;
}

// Sorts by that order; scores are not NaN. Lists that are in order already cost one pass.
void sort_by_rank(std::vector<RunDoc>& docs);

// A run: lines `query Q0 document rank score tag`. Ranks are not read: scores say the order.
class TrecRun {
 public:
  struct Query {
    std::string_view id;
    std::span<const RunDoc> docs;  // in the order of the file
  };

  // Errors name the file, the line, what was found and what was expected. A run without a line is an Error.
  static TrecRun read(const std::filesystem::path& path);
  // The same of text that outlives the run; `where` names it in errors.
  static TrecRun parse(std::string_view text, const std::string& where);

  // Ascending by the bytes of their names.
  const std::vector<Query>& queries() const { return queries_; }
  const Query* find(std::string_view query) const;
  // The tag of the last line, as trec_eval takes it.
  std::string_view tag() const { return tag_; }
  const std::string& where() const { return where_; }

 private:
  std::optional<FileText> file_;
  std::string where_;
  std::string_view tag_;
  std::vector<std::vector<RunDoc>> parts_;  // of the file, in order
  std::vector<RunDoc> gathered_;            // of queries whose lines do not lie together
  std::vector<Query> queries_;
};

enum class JudgementFormat {
  qrels,     // query iteration document grade; or a table of BEIR: query-id, corpus-id, score
  qrels_jg,  // query group document grade: the judgements of several people
  prefs,  // query group subgroup document level: a document is preferred to those of lower level in its subgroup
  qrels_prefs,  // qrels read as preferences, the iteration being the group
};

template <>
struct EnumNames<JudgementFormat> {
  static constexpr auto values =
      std::to_array<std::pair<JudgementFormat, const char*>>({{JudgementFormat::qrels, "qrels"},
                                                              {JudgementFormat::qrels_jg, "qrels_jg"},
                                                              {JudgementFormat::prefs, "prefs"},
                                                              {JudgementFormat::qrels_prefs, "qrels_prefs"}});
};

// A grade of qrels is a whole number; below 0: the document was in the pool, but not judged.
inline constexpr int max_grade = 32767;

struct Judgement {
  std::string_view doc, group, subgroup;  // group and subgroup are empty in qrels
  double level = 0;
};

// The file itself; of a BEIR directory, or of its folder qrels, test.tsv or the only table in it, packed or not. Errors:
// several, none.
std::filesystem::path find_judgements(const std::filesystem::path& path);

class TrecJudgements {
 public:
  struct Query {
    std::string_view id;
    std::span<const Judgement> judged;  // ascending by group (qrels_jg), then by document
  };

  // A document that is judged twice (in a group, if there are groups) is an Error, but for preferences.
  static TrecJudgements read(const std::filesystem::path& path, JudgementFormat format);
  static TrecJudgements parse(std::string_view text, JudgementFormat format, const std::string& where);

  const std::vector<Query>& queries() const { return queries_; }
  const Query* find(std::string_view query) const;
  JudgementFormat format() const { return format_; }
  const std::string& where() const { return where_; }

 private:
  std::optional<FileText> file_;
  std::string where_;
  JudgementFormat format_ = JudgementFormat::qrels;
  std::vector<Judgement> judged_, gathered_;
  std::vector<Query> queries_;
};

// Appends `query Q0 document rank score tag`, the score in the fewest digits that give it back, as a double or as a
// float. Names that are empty or hold blanks and scores that are NaN are Errors.
void append_run_line(std::string& text, std::string_view query, std::string_view doc, size_t rank,
                     double score, std::string_view tag);
void append_run_line(std::string& text, std::string_view query, std::string_view doc, size_t rank,
                     float score, std::string_view tag);

// Writes a run; nothing is at `path` before commit.
class RunWriter {
 public:
  RunWriter(const std::filesystem::path& path, std::string tag);
  // Ranked documents of a query, best first.
  void add(std::string_view query, std::span<const RunDoc> docs);
  void commit();

 private:
  AtomicFile file_;
  std::string tag_, pending_;
};

}  // namespace coppice
