// Searching processes while other processes add, delete and merge: every search sees one committed state.

#include <atomic>
#include <set>
#include <thread>

#include <gmock/gmock.h>

#include "base/json.h"
#include "cli/process.h"

namespace coppice {
namespace {

using test::run_coppice;

constexpr int documents = 24, generations = 10, queries = 8;

// Every commit leaves one of two states: all documents of a generation, or all but one of them.
std::string state_of(const std::set<std::string>& found) {
  std::set<std::string> numbers, tags;
  for (const auto& id_and_tag : found) {
    const size_t at = id_and_tag.find(' ');
    numbers.insert(id_and_tag.substr(0, at));
    tags.insert(id_and_tag.substr(at + 1));
  }
  if (tags.size() != 1) return fmt::format("{} generations at once", tags.size());
  const int generation = std::stoi(*tags.begin());
  const std::string deleted = fmt::format("d{}", generation % documents);
  const bool whole = numbers.size() == documents;
  const bool without = numbers.size() == documents - 1 && !numbers.contains(deleted);
  if (!whole && !without) return fmt::format("{} documents of generation {}", numbers.size(), generation);
  return "";
}

TEST(ConcurrentProcesses, EverySearchSeesOneCommittedState) {
  const test::TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return (folder / name).string(); };
  const auto write_generation = [&](int generation) {
    std::string lines;
    for (int i = 0; i < documents; ++i)
      lines += fmt::format("{{\"_id\": \"d{}\", \"text\": \"common words, and more\", \"tag\": \"{}\"}}\n", i,
                           generation);
    write_file(folder / "documents.jsonl", lines);
  };
  std::string lines;
  for (int i = 0; i < queries; ++i) lines += fmt::format("{}\tcommon\n", i);
  write_file(folder / "queries.tsv", lines);
  write_generation(0);
  ASSERT_EQ(run_coppice({"index", path("documents.jsonl"), "-o", path("index")}).exit_code, 0);

  std::atomic<bool> done = false;
  std::atomic<int> searches = 0;  // of the first reader
  std::vector<std::string> wrong[3];
  std::set<std::string> seen;  // generations, by the first reader
  const auto check = [&](size_t reader, const std::vector<std::string>& words) {
    const auto outcome = run_coppice(words);
    if (outcome.exit_code != 0) wrong[reader].push_back(outcome.err);
    return outcome.exit_code == 0 ? parse_json(outcome.out, "out") : Json::object();
  };
  // Two search for one query each time and see what documents say; one searches for several, in as many threads.
  const auto read = [&](size_t reader) {
    do {
      if (reader < 2) {
        const Json json =
            check(reader, {"search", path("index"), "common", "-k", "100", "--json", "--threads", "1"});
        std::set<std::string> found;
        for (const auto& hit : json.value("hits", Json::array()))
          found.insert(hit["id"].get<std::string>() + " " + hit["metadata"]["tag"].get<std::string>());
        if (auto state = state_of(found); !state.empty()) wrong[reader].push_back(state);
        if (reader == 0 && !found.empty()) seen.insert(found.begin()->substr(found.begin()->find(' ')));
        if (reader == 0) ++searches;
      } else {
        const Json json = check(reader, {"search", path("index"), "--queries", path("queries.tsv"), "--json",
                                         "--threads", "4", "--filter", "tag != 'none'"});
        std::set<Json> different;
        for (const auto& result : json.value("results", Json::array())) different.insert(result["hits"]);
        if (different.size() != 1)
          wrong[reader].push_back(fmt::format("{} states in one run", different.size()));
      }
    } while (!done);
  };
  std::vector<std::thread> readers;
  for (size_t reader = 0; reader < 3; ++reader) readers.emplace_back(read, reader);
  for (int generation = 1; generation <= generations; ++generation) {
    write_generation(generation);
    EXPECT_EQ(run_coppice({"index", "add", path("index"), path("documents.jsonl")}).exit_code, 0);
    // A search that has begun after the commit has ended.
    for (const int before = searches; searches < before + 2;) std::this_thread::yield();
    EXPECT_EQ(
        run_coppice({"index", "delete", path("index"), fmt::format("d{}", generation % documents)}).exit_code,
        0);
    if (generation % 3 == 0) {
      EXPECT_EQ(run_coppice({"index", "merge", path("index")}).exit_code, 0);
    }
  }
  done = true;
  for (auto& reader : readers) reader.join();
  for (const auto& list : wrong) EXPECT_THAT(list, testing::IsEmpty());
  EXPECT_GE(seen.size(), static_cast<size_t>(generations));
  EXPECT_EQ(run_coppice({"index", "verify", path("index")}).exit_code, 0);
}

}  // namespace
}  // namespace coppice
