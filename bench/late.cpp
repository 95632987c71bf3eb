// PLAID's trade-off on clustered token vectors: recall at 100 of the exact search over the same codes, and queries a
// second, for its own defaults and for less and more effort.
//
//   bench_late [DOCUMENTS] [QUERIES]

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>

#include <unistd.h>

#include "base/json.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/rng.h"
#include "index/late/late_index.h"

namespace {

using namespace coppice;

constexpr int64_t dim = 128;
constexpr size_t words = 5000, topic_words = 40, k = 100;

std::vector<float> near(Rng& rng, const float* centre, double spread) {
  std::vector<float> token(dim);
  double norm2 = 0;
  for (size_t d = 0; d < dim; ++d) {
    token[d] =
        (centre == nullptr ? 0 : centre[d]) + static_cast<float>(spread * rng.normal() / std::sqrt(dim));
    norm2 += double{token[d]} * token[d];
  }
  for (float& value : token) value = static_cast<float>(value / std::sqrt(norm2));
  return token;
}

// Words of a topic, or any, each a little turned by its context.
std::vector<float> text(Rng& rng, const std::vector<float>& centres, uint64_t topic, size_t tokens) {
  std::vector<float> made;
  for (size_t i = 0; i < tokens; ++i) {
    const size_t word = rng.chance(0.6) ? (topic + rng.below(topic_words)) % words : rng.below(words);
    const auto token = near(rng, centres.data() + word * dim, 0.6);
    made.insert(made.end(), token.begin(), token.end());
  }
  return made;
}

double seconds_of(auto&& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t documents = argc > 1 ? std::atoll(argv[1]) : 20000,
                queries = argc > 2 ? std::atoll(argv[2]) : 50;
  Progress::silence(true);
  Rng rng(1);
  std::vector<float> centres;
  for (size_t word = 0; word < words; ++word) {
    const auto centre = near(rng, nullptr, 1);
    centres.insert(centres.end(), centre.begin(), centre.end());
  }
  const auto path = std::filesystem::temp_directory_path() / fmt::format("coppice-bench-late-{}", ::getpid());
  LateIndexBuilder builder({}, dim, static_cast<size_t>(documents));
  for (int64_t doc = 0; doc < documents; ++doc) {
    const auto tokens = text(rng, centres, rng.below(words), 20 + rng.below(60));
    builder.add(static_cast<DocOrdinal>(doc), {tokens, dim});
  }
  LateIndexBuilder::Report report;
  const double build = seconds_of([&] { report = builder.write(path); });
  const LateIndex index = LateIndex::open(path);
  std::vector<std::vector<float>> texts;
  for (int64_t q = 0; q < queries; ++q) texts.push_back(text(rng, centres, rng.below(words), 32));

  set_threads(1);
  std::vector<std::vector<ScoredDoc>> exact;
  const double exact_seconds = seconds_of([&] {
    for (const auto& query : texts) exact.push_back(index.search({query, dim}, k, nullptr, {.exact = true}));
  });
  Json curve = Json::array();
  const auto measure = [&](const std::string& name, const LateSearchOptions& options) {
    int64_t found = 0, all = 0;
    double decoded = 0;
    const double seconds = seconds_of([&] {
      for (size_t q = 0; q < texts.size(); ++q) {
        LateSearchReport done;
        LateSearchOptions with = options;
        with.report = &done;
        const auto result = index.search({texts[q], dim}, k, nullptr, with);
        decoded += static_cast<double>(done.decoded);
        for (const auto& best : result)
          found += std::any_of(exact[q].begin(), exact[q].end(),
                               [&](const ScoredDoc& right) { return right.doc == best.doc; });
        all += static_cast<int64_t>(exact[q].size());
      }
    });
    curve.push_back({{"name", name},
                     {"recall_at_100_of_exact", static_cast<double>(found) / static_cast<double>(all)},
                     {"queries_per_s", static_cast<double>(queries) / seconds},
                     {"times_exact", exact_seconds / seconds},
                     {"documents_decoded", decoded / static_cast<double>(queries)}});
  };
  measure("default", {});
  for (const int64_t nprobe : {1, 2, 4, 8})
    for (const int64_t candidates : {256, 1024, 4096})
      measure(fmt::format("nprobe {}, candidates {}", nprobe, candidates),
              {.nprobe = nprobe, .candidates = candidates});
  const Json json = {
      {"documents", documents},
      {"tokens", report.tokens},
      {"centroids", report.centroids},
      {"bytes", index.bytes()},
      {"bytes_per_token", static_cast<double>(index.bytes()) / static_cast<double>(report.tokens)},
      {"build_seconds", build},
      {"exact_queries_per_s", static_cast<double>(queries) / exact_seconds},
      {"curve", curve}};
  std::cout << json.dump(1) << "\n";
  std::filesystem::remove(path);
  return 0;
}
