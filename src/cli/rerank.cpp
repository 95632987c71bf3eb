#include "cli/rerank.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <unordered_map>

#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hub_name.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/strings.h"
#include "format/trec.h"
#include "model/sentence/cross_encoder.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

// What there is to score: every hit of every query, in order.
class Candidates {
 public:
  Candidates(IndexReader& reader, const std::vector<RerankQuery>& queries) : reader_(reader) {
    for (const auto& query : queries)
      for (const Hit& hit : query.hits) all_.emplace_back(&query, &hit);
  }

  size_t size() const { return all_.size(); }
  const RerankQuery& query(size_t i) const { return *all_[i].first; }
  const Hit& hit(size_t i) const { return *all_[i].second; }
  std::string text(size_t i) {
    const StoredDocument document = reader_.fetch(hit(i).part, hit(i).doc);
    std::string text;
    for (const auto& [name, content] : document.fields.items())
      if (content.is_string()) text += (text.empty() ? "" : " ") + content.get<std::string>();
    return text;
  }

 private:
  IndexReader& reader_;
  std::vector<std::pair<const RerankQuery*, const Hit*>> all_;
};

// In pieces, so that texts do not fill memory.
std::vector<double> scores_of_model(Candidates& candidates, const fs::path& directory) {
  constexpr size_t piece = 2048;
  CrossEncoder model(directory);
  Progress progress("rerank", static_cast<int64_t>(candidates.size()), "documents");
  std::vector<double> scores;
  for (size_t begin = 0; begin < candidates.size(); begin += piece) {
    std::vector<TextPair> pairs;
    for (size_t i = begin; i < std::min(begin + piece, candidates.size()); ++i)
      pairs.push_back({candidates.query(i).text, candidates.text(i)});
    const auto found = model.score(pairs, [&](int64_t count) { progress.advance(count); });
    scores.insert(scores.end(), found.begin(), found.end());
  }
  if (model.truncated() > 0)
    log_info("{} of {} documents were cut: the model reads {} tokens of a query and a document",
             model.truncated(), candidates.size(), model.max_tokens());
  return scores;
}

std::vector<double> scores_of_run(const Candidates& candidates, const fs::path& path) {
  const TrecRun run = TrecRun::read(path);
  std::unordered_map<std::string_view, std::unordered_map<std::string_view, double>> by_query;
  std::vector<double> scores;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const std::string& id = candidates.query(i).id;
    const auto [known, is_new] = by_query.try_emplace(id);
    if (const auto* query = is_new ? run.find(id) : nullptr)
      for (const RunDoc& doc : query->docs) known->second.emplace(doc.doc, doc.score);
    const auto found = known->second.find(candidates.hit(i).id);
    if (found == known->second.end())
      throw Error({.where = path.string(),
                   .found = fmt::format("no score of document '{}' for query '{}'", candidates.hit(i).id, id),
                   .expected = "one of each document that is ranked anew",
                   .advice = "--rerank-depth N ranks fewer anew"});
    scores.push_back(found->second);
  }
  return scores;
}

// A folder of our own for what goes in and out, removed at the end.
class PassingFolder {
 public:
  PassingFolder() {
    std::string pattern = (fs::temp_directory_path() / "coppice-rerank-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw system_error("make", pattern);
    path_ = pattern;
  }
  ~PassingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  PassingFolder(const PassingFolder&) = delete;
  PassingFolder& operator=(const PassingFolder&) = delete;
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::string quoted(const std::string& path) {
  std::string text = "'";
  for (const char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::vector<double> scores_of_command(Candidates& candidates, const std::string& command) {
  const auto fail = [&](std::string found, std::string expected, std::string advice = "") {
    throw Error({.where = "--rerank " + command,
                 .found = std::move(found),
                 .expected = std::move(expected),
                 .advice = std::move(advice)});
  };
  const PassingFolder folder;
  {
    AtomicFile in(folder / "in");
    for (size_t i = 0; i < candidates.size(); ++i)
      in.write(to_line({{"query_id", candidates.query(i).id},
                        {"query", candidates.query(i).text},
                        {"id", candidates.hit(i).id},
                        {"text", candidates.text(i)},
                        {"score", candidates.hit(i).score}}) +
               "\n");
    in.commit();
  }
  const int status = std::system(
      fmt::format("({}) < {} > {}", command, quoted(folder / "in"), quoted(folder / "out")).c_str());
  constexpr int not_found = 127;  // says the shell
  if (WIFEXITED(status) && WEXITSTATUS(status) == not_found)
    fail("no such command, directory or file", "a cross-encoder's directory, a run or a command",
         pull_hint(command));
  if (status != 0)
    fail(WIFEXITED(status) ? fmt::format("exit status {}", WEXITSTATUS(status)) : "an end by a signal",
         "a program that ends well");
  const std::string out = read_file(folder / "out");
  std::vector<double> scores;
  size_t line_number = 0;
  for (const auto& line : split(out, '\n')) {
    ++line_number;
    const auto word = trim(line);
    if (word.empty()) continue;
    double score = 0;
    const auto result = std::from_chars(word.data(), word.data() + word.size(), score);
    if (result.ec != std::errc() || result.ptr != word.data() + word.size() || !std::isfinite(score))
      fail(fmt::format("line {}: '{}'", line_number, word.substr(0, 60)), "a finite number a line");
    scores.push_back(score);
  }
  if (scores.size() != candidates.size())
    fail(fmt::format("{} scores", scores.size()),
         fmt::format("{}, one for each document", candidates.size()));
  return scores;
}

}  // namespace

void rerank(IndexReader& reader, std::vector<RerankQuery>& queries, const std::string& how) {
  Candidates candidates(reader, queries);
  const fs::path path(how);
  std::error_code ignored;
  const bool is_model = fs::is_directory(path, ignored);
  const bool is_run = fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) != 0;
  if (!is_run && !reader.spec().keep_fields)
    throw Error({.where = "--rerank " + how,
                 .found = "an index without texts",
                 .expected = "one that keeps them (made without --no-fields)"});
  const auto scores = is_model ? scores_of_model(candidates, path)
                      : is_run ? scores_of_run(candidates, path)
                               : scores_of_command(candidates, how);
  size_t next = 0;
  for (auto& query : queries) {
    for (Hit& hit : query.hits) hit.score = scores[next++];
    rank(query.hits, query.hits.size());
  }
}

}  // namespace coppice
