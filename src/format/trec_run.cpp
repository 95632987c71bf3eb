#include <array>
#include <exception>

#include "base/parallel.h"
#include "format/trec.h"
#include "format/trec_lines.h"

namespace coppice {
namespace {

using namespace trec;

// Parts are read in parallel; a bound that does not depend on threads keeps errors the same.
constexpr size_t part_bytes = size_t{4} << 20;

constexpr const char* line_form = "query Q0 document rank score tag";

struct RunPart : Part<RunDoc> {
  std::string_view tag;
  std::exception_ptr error;
};

[[noreturn]] void too_few_words(std::string_view text, const char* line, const char* end,
                                const std::string& where) {
  size_t words = 0;
  for (const char* at = line; !next_word(at, end).empty();) ++words;
  bad_line(text, line, where, fmt::format("{} words", words), line_form);
}

// One line [line, end).
void read_run_line(std::string_view text, const char* line, const char* end, const std::string& where,
                   RunPart& part) {
  const char* at = line;
  std::string_view query;
  // Most lines have the query of the line before.
  if (const std::string_view last = part.segments.empty() ? std::string_view() : part.segments.back().query;
      !last.empty() && static_cast<size_t>(end - line) > last.size() &&
      std::memcmp(line, last.data(), last.size()) == 0 && is_blank(line[last.size()])) {
    query = last;
    at += last.size();
  } else {
    query = next_word(at, end);
  }
  next_word(at, end);  // Q0
  const std::string_view doc = next_word(at, end);
  next_word(at, end);  // rank
  const std::string_view score = next_word(at, end);
  const std::string_view tag = next_word(at, end);
  if (tag.empty()) too_few_words(text, line, end, where);
  const auto number = to_number(score);
  if (!number) bad_line(text, line, where, fmt::format("score {}", shown(score)), "a number", line_form);
  part.tag = tag;
  part.add(query, {doc, *number});
}

// Where parts begin and end: behind a line's end.
std::vector<size_t> part_bounds(std::string_view text) {
  std::vector<size_t> bounds{0};
  while (text.size() - bounds.back() > part_bytes) {
    const size_t newline = text.find('\n', bounds.back() + part_bytes);
    if (newline == text.npos) break;
    bounds.push_back(newline + 1);
  }
  if (bounds.back() != text.size()) bounds.push_back(text.size());
  return bounds;
}

RunPart read_part(std::string_view text, size_t begin, size_t end, const std::string& where) {
  RunPart part;
  try {
    part.items.reserve((end - begin) / 40);
    for_each_line(text.data() + begin, text.data() + end,
                  [&](const char* line, const char* stop) { read_run_line(text, line, stop, where, part); });
  } catch (const Error&) {
    part.error = std::current_exception();
  }
  return part;
}

void check_name(std::string_view name, const char* what) {
  if (!name.empty() && find_blank(name.data(), name.data() + name.size()) == name.data() + name.size())
    return;
  throw Error({.where = "run",
               .found = fmt::format("{} {}", what, shown(name)),
               .expected = "a name without blanks, as the lines of a run need it"});
}

template <class Score>
void append_line(std::string& text, std::string_view query, std::string_view doc, size_t rank, Score score,
                 std::string_view tag) {
  check_name(query, "query");
  check_name(doc, "document");
  check_name(tag, "tag");
  if (std::isnan(score))
    throw Error({.where = "run", .found = fmt::format("a score of {} that is not a number", shown(doc))});
  std::array<char, 64> digits;
  const auto put = [&](auto number) {
    const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    text.append(digits.data(), result.ptr);
  };
  text.append(query).append(" Q0 ").append(doc).push_back(' ');
  put(rank);
  text.push_back(' ');
  put(score);
  text.append(" ").append(tag).push_back('\n');
}

}  // namespace

void sort_by_rank(std::vector<RunDoc>& docs) {
  if (!std::is_sorted(docs.begin(), docs.end(), ranks_before))
    std::sort(docs.begin(), docs.end(), ranks_before);
}

TrecRun TrecRun::parse(std::string_view text, const std::string& where) {
  const std::vector<size_t> bounds = part_bounds(text);
  std::vector<RunPart> read(bounds.size() - 1);
  parallel_for(static_cast<int64_t>(read.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      read[i] = read_part(text, bounds[i], bounds[i + 1], where);
  });

  TrecRun run;
  run.where_ = where;
  std::vector<Part<RunDoc>> parts;
  for (auto& part : read) {
    if (part.error) std::rethrow_exception(part.error);
    if (!part.tag.empty()) run.tag_ = part.tag;
    parts.push_back({std::move(part.items), std::move(part.segments)});
  }
  run.queries_ = group_by_query<Query>(parts, run.gathered_);
  if (run.queries_.empty()) throw Error({.where = where, .found = "an empty run", .expected = line_form});
  for (auto& part : parts) run.parts_.push_back(std::move(part.items));
  return run;
}

TrecRun TrecRun::read(const std::filesystem::path& path) {
  FileText file(path);
  TrecRun run = parse(file.text(), path.string());
  run.file_ = std::move(file);
  return run;
}

const TrecRun::Query* TrecRun::find(std::string_view query) const {
  return find_query(queries_, query);
}

void append_run_line(std::string& text, std::string_view query, std::string_view doc, size_t rank,
                     double score, std::string_view tag) {
  append_line(text, query, doc, rank, score, tag);
}

void append_run_line(std::string& text, std::string_view query, std::string_view doc, size_t rank,
                     float score, std::string_view tag) {
  append_line(text, query, doc, rank, score, tag);
}

RunWriter::RunWriter(const std::filesystem::path& path, std::string tag)
    : file_(path), tag_(std::move(tag)) {}

void RunWriter::add(std::string_view query, std::span<const RunDoc> docs) {
  constexpr size_t enough = size_t{1} << 20;
  for (size_t i = 0; i < docs.size(); ++i)
    append_run_line(pending_, query, docs[i].doc, i + 1, docs[i].score, tag_);
  if (pending_.size() < enough) return;
  file_.write(pending_);
  pending_.clear();
}

void RunWriter::commit() {
  file_.write(pending_);
  pending_.clear();
  file_.commit();
}

}  // namespace coppice
