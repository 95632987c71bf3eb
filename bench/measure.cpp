// Reading and measuring a run of a million lines with all of trec_eval's measures for qrels. With COPPICE_TREC_EVAL naming
// trec_eval, it runs on the same files, and the ratio is printed.
//
//   bench_measure [ROUNDS]

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "measure/measure_names.h"

namespace {

using namespace coppice;

constexpr int64_t queries = 1000, per_query = 1000, judged_per_query = 60, documents = 500000;

std::string doc_name(uint64_t number) {
  return fmt::format("collection-{:07}", number);
}

void write_data(const std::filesystem::path& folder) {
  Rng rng(1);
  std::string judgements;
  RunWriter run(folder / "run", "bench");
  for (int64_t query = 0; query < queries; ++query) {
    const std::string name = std::to_string(300 + query);
    std::vector<std::string> names;
    const uint64_t first = rng.below(documents);
    for (int64_t i = 0; i < per_query; ++i)
      names.push_back(doc_name((first + static_cast<uint64_t>(i) * 7919) % documents));
    rng.shuffle(names);
    std::vector<RunDoc> docs;
    for (size_t i = 0; i < names.size(); ++i)
      docs.push_back({names[i], 30 - 0.02 * static_cast<double>(i) + 0.01 * rng.uniform()});
    run.add(name, docs);
    for (int64_t i = 0; i < judged_per_query; ++i)
      judgements +=
          fmt::format("{} 0 {} {}\n", name, names[static_cast<size_t>(i) * names.size() / judged_per_query],
                      rng.below(4));
  }
  run.commit();
  write_file(folder / "qrels", judgements);
}

// Seconds of the middle one of several rounds.
template <class Action>
double median_seconds(int rounds, Action action) {
  std::vector<double> seconds;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    action();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

// One thread or as many as there are.
Json measure_ours(const std::filesystem::path& folder, int rounds, int threads, std::string& lines) {
  set_threads(threads);
  const std::vector<std::string> words = {"all_trec"};
  const auto requests = parse_measures(words);
  double reading = 0;
  const double seconds = median_seconds(rounds, [&] {
    const auto start = std::chrono::steady_clock::now();
    const auto judgements = TrecJudgements::read(folder / "qrels", JudgementFormat::qrels);
    const auto run = TrecRun::read(folder / "run");
    reading = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    lines = trec_eval_lines(evaluate(judgements, run, requests, {}), false, true);
  });
  return {{"threads", threads}, {"seconds", seconds}, {"reading", reading}};
}

int run(int rounds) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("coppice-bench-measure-{}", ::getpid());
  std::filesystem::create_directories(folder);
  write_data(folder);
  std::string ours;
  const int all = thread_count();
  Json json = {{"benchmark", "measure"},
               {"lines", queries * per_query},
               {"bytes", std::filesystem::file_size(folder / "run")},
               {"one_thread", measure_ours(folder, rounds, 1, ours)},
               {"all_threads", measure_ours(folder, rounds, all, ours)}};
  if (const char* program = std::getenv("COPPICE_TREC_EVAL")) {
    const std::string command = fmt::format("{} -m all_trec {} {} >{}", program, (folder / "qrels").string(),
                                            (folder / "run").string(), (folder / "theirs").string());
    int status = 0;
    const double theirs = median_seconds(rounds, [&] { status |= std::system(command.c_str()); });
    json["trec_eval"] = {{"seconds", theirs},
                         {"same_output", status == 0 && read_file(folder / "theirs") == ours}};
    for (const char* which : {"one_thread", "all_threads"})
      json[which]["times_as_fast"] = theirs / json[which]["seconds"].get<double>();
  }
  std::filesystem::remove_all(folder);
  std::cout << to_text(json);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 7);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
