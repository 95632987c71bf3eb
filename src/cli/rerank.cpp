#include "cli/rerank.h"

#include <charconv>
#include <cmath>
#include <filesystem>

#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strings.h"

namespace coppice {
namespace {

// A folder of our own for what goes in and out, removed at the end.
class PassingFolder {
 public:
  PassingFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "coppice-rerank-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw system_error("make", pattern);
    path_ = pattern;
  }
  ~PassingFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PassingFolder(const PassingFolder&) = delete;
  PassingFolder& operator=(const PassingFolder&) = delete;
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string quoted(const std::string& path) {
  std::string text = "'";
  for (const char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string text_of(const Json& fields) {
  std::string text;
  for (const auto& [name, content] : fields.items())
    if (content.is_string()) text += (text.empty() ? "" : " ") + content.get<std::string>();
  return text;
}

}  // namespace

void rerank(IndexReader& reader, std::vector<RerankQuery>& queries, const std::string& command) {
  const auto fail = [&](std::string found, std::string expected) {
    throw Error({.where = "--rerank " + command, .found = std::move(found), .expected = std::move(expected)});
  };
  if (!reader.spec().keep_fields)
    fail("an index without texts", "one that keeps them (made without --no-fields)");
  const PassingFolder folder;
  size_t count = 0;
  {
    AtomicFile in(folder / "in");
    for (const auto& query : queries)
      for (const Hit& hit : query.hits) {
        const auto document = reader.fetch(hit.part, hit.doc);
        in.write(to_line({{"query_id", query.id},
                          {"query", query.text},
                          {"id", hit.id},
                          {"text", text_of(document.fields)}}) +
                 "\n");
        ++count;
      }
    in.commit();
  }
  const int status = std::system(
      fmt::format("({}) < {} > {}", command, quoted(folder / "in"), quoted(folder / "out")).c_str());
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
  if (scores.size() != count)
    fail(fmt::format("{} scores", scores.size()), fmt::format("{}, one for each document", count));
  size_t next = 0;
  for (auto& query : queries) {
    for (Hit& hit : query.hits) hit.score = scores[next++];
    rank(query.hits, query.hits.size());
  }
}

}  // namespace coppice
