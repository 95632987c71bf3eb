// Searches by a graph and by inverted lists: recall against comparing all, filters, several vectors per document, the
// same files whatever the threads; and damaged files.

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "index/section_file.h"
#include "index/vector/vector_part.h"
#include "index/vector/vectors.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::HasSubstr;

constexpr int64_t dim = 24;

struct Made {
  size_t documents = 0;
  std::vector<std::pair<DocOrdinal, std::vector<float>>> vectors;
  std::vector<std::vector<float>> queries;
};

Made make_clustered(size_t documents, bool several, bool lengths = false) {
  Rng rng(11);
  Made made = {documents, {}, {}};
  const auto around = [&](const std::vector<float>& centre, double spread) {
    std::vector<float> values(dim);
    const double length = lengths ? rng.uniform(0.5, 2) : 1;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(length * ((centre.empty() ? 0 : centre[i]) + spread * rng.normal()));
    return values;
  };
  std::vector<std::vector<float>> centres;
  for (int i = 0; i < 40; ++i) centres.push_back(around({}, 1));
  for (size_t doc = 0; doc < documents; ++doc)
    for (uint64_t i = several ? rng.below(4) : 1; i > 0; --i)
      made.vectors.emplace_back(static_cast<DocOrdinal>(doc), around(rng.pick(centres), 0.4));
  for (int i = 0; i < 40; ++i) made.queries.push_back(around(rng.pick(centres), 0.4));
  return made;
}

VectorIndex build(const std::filesystem::path& path, const Made& made, const VectorIndexSpec& spec) {
  VectorIndexBuilder builder(spec, dim, made.documents);
  for (const auto& [doc, values] : made.vectors) builder.add(doc, values);
  builder.write(path);
  return VectorIndex::open(path);
}

std::vector<VectorIndexSpec> method_specs() {
  std::vector<VectorIndexSpec> specs;
  for (const VectorMethod method : {VectorMethod::hnsw, VectorMethod::ivf_pq})
    for (const Similarity similarity : {Similarity::dot, Similarity::cosine, Similarity::l2})
      for (const VectorType stored : {VectorType::f32, VectorType::int8})
        specs.push_back({.similarity = similarity, .method = method, .stored = stored});
  specs.push_back({.method = VectorMethod::hnsw, .stored = VectorType::int8, .rerank = RerankType::none});
  return specs;
}

std::string name_of(const VectorIndexSpec& spec) {
  return to_string(spec.method) + " " + to_string(spec.similarity) + " " + to_string(spec.stored);
}

double recall(const VectorIndex& index, const Made& made, size_t k, const DocSet* allowed,
              const VectorSearchOptions& options = {}) {
  size_t found = 0, all = 0;
  for (const auto& query : made.queries) {
    const auto exact = index.search(query, k, allowed, {.exact = true});
    const auto result = index.search(query, k, allowed, options);
    EXPECT_EQ(result.size(), exact.size());
    for (const auto& best : result) {
      EXPECT_EQ(index.score(best.doc, query), best.score) << "the score is that of the stored vectors";
      EXPECT_TRUE(allowed == nullptr || allowed->contains(best.doc));
      found += std::count(exact.begin(), exact.end(), best);
    }
    all += exact.size();
  }
  return static_cast<double>(found) / static_cast<double>(all);
}

TEST(VectorMethods, MostOfTheNearestAreFound) {
  const TemporaryFolder folder;
  const auto plain = make_clustered(3000, false, true), several = make_clustered(1500, true);
  for (const auto& spec : method_specs())
    for (const Made* made : {&plain, &several}) {
      const auto index = build(folder / "v", *made, spec);
      VectorSearchReport report;
      index.search(made->queries[0], 10, nullptr, {.report = &report});
      EXPECT_FALSE(report.exact);
      EXPECT_LT(report.scanned, static_cast<int64_t>(index.vectors()) / 2) << name_of(spec);
      // Nearest centroids say less about the greatest products than about the least distances.
      const bool products_in_lists =
          spec.method == VectorMethod::ivf_pq && spec.similarity == Similarity::dot;
      EXPECT_GE(recall(index, *made, 10, nullptr), products_in_lists ? 0.85 : 0.95) << name_of(spec);
      index.verify();
    }
}

TEST(VectorMethods, MoreEffortFindsMore) {
  const TemporaryFolder folder;
  const auto made = make_clustered(6000, false);
  const auto graph = build(folder / "g", made, {.method = VectorMethod::hnsw});
  EXPECT_LE(recall(graph, made, 10, nullptr, {.ef_search = 10}),
            recall(graph, made, 10, nullptr, {.ef_search = 100}));
  EXPECT_GE(recall(graph, made, 10, nullptr, {.ef_search = 200}), 0.99);
  const auto lists = build(folder / "l", made, {.method = VectorMethod::ivf_pq});
  EXPECT_LT(recall(lists, made, 10, nullptr, {.probes = 1}),
            recall(lists, made, 10, nullptr, {.probes = 60}));
  EXPECT_GE(recall(lists, made, 10, nullptr, {.probes = 100, .refine = 40}), 0.99);
}

TEST(VectorMethods, FiltersAreKept) {
  const TemporaryFolder folder;
  Rng rng(12);
  for (const bool several : {false, true}) {
    const auto made = make_clustered(4000, several);
    DocSet half(made.documents), few(made.documents), none(made.documents);
    for (size_t doc = 0; doc < made.documents; ++doc) {
      if (rng.chance(0.5)) half.insert(static_cast<DocOrdinal>(doc));
      if (rng.chance(0.002)) few.insert(static_cast<DocOrdinal>(doc));
    }
    for (const VectorMethod method : {VectorMethod::hnsw, VectorMethod::ivf_pq}) {
      const auto index = build(folder / "v", made, {.method = method});
      EXPECT_GE(recall(index, made, 10, &half), 0.93) << to_string(method);
      EXPECT_EQ(recall(index, made, 10, &few), 1) << "few are all compared";
      EXPECT_TRUE(index.search(made.queries[0], 10, &none).empty());
    }
  }
}

TEST(VectorMethods, AsManyAsThereAreAreFound) {
  const TemporaryFolder folder;
  const auto made = make_clustered(300, true);
  for (const VectorMethod method : {VectorMethod::hnsw, VectorMethod::ivf_pq}) {
    const auto index = build(folder / "v", made, {.method = method});
    EXPECT_EQ(recall(index, made, 1000, nullptr), 1);
  }
}

TEST(VectorMethods, ThreadsAndBatchesChangeNothing) {
  const TemporaryFolder folder;
  const auto made = make_clustered(3000, false);
  std::vector<float> together;
  for (const auto& query : made.queries) together.insert(together.end(), query.begin(), query.end());
  const int threads = thread_count();
  for (const VectorMethod method : {VectorMethod::hnsw, VectorMethod::ivf_pq}) {
    const VectorIndexSpec spec = {.method = method, .stored = VectorType::int8};
    set_threads(1);
    const auto one = build(folder / "one", made, spec);
    set_threads(4);
    const auto four = build(folder / "four", made, spec);
    EXPECT_EQ(read_file(folder / "one"), read_file(folder / "four")) << to_string(method);
    const auto results = four.search_batch(together, 10);
    for (size_t i = 0; i < made.queries.size(); ++i) EXPECT_EQ(results[i], one.search(made.queries[i], 10));
  }
  set_threads(threads);
}

TEST(VectorMethods, EqualVectorsAreFound) {
  const TemporaryFolder folder;
  VectorIndexBuilder builder({.method = VectorMethod::hnsw}, 2, 5000);
  for (DocOrdinal doc = 0; doc < 5000; ++doc)
    builder.add(doc, std::vector<float>{1, doc < 2500 ? 1.0f : -1.0f});
  builder.write(folder / "v");
  const auto found = VectorIndex::open(folder / "v").search(std::vector<float>{1, -1}, 10);
  ASSERT_EQ(found.size(), 10u);
  for (const auto& best : found) EXPECT_GE(best.doc, 2500u);
}

// Changes 4-byte words of a section in a copy of the file.
std::string with_words(const std::string& bytes, const std::string& section, uint32_t word, Rng& rng) {
  alignas(64) static char aligned[1 << 22];
  std::copy(bytes.begin(), bytes.end(), aligned);
  const SectionFile file(std::as_bytes(std::span(aligned, bytes.size())), vector_part_kind, "v");
  const Json header = parse_json(std::string_view(bytes).substr(24,
                                                                [&] {
                                                                  uint64_t length;
                                                                  std::memcpy(&length, bytes.data() + 16, 8);
                                                                  return length;
                                                                }()),
                                 "v");
  std::string changed = bytes;
  for (const auto& entry : header["sections"])
    if (entry["name"] == section)
      for (int i = 0; i < 200; ++i) {
        const uint64_t at =
            entry["offset"].get<uint64_t>() + 4 * rng.below(entry["bytes"].get<uint64_t>() / 4);
        std::memcpy(changed.data() + at, &word, 4);
      }
  return changed;
}

TEST(VectorMethods, DamagedFilesAnswerOrAreRefused) {
  const TemporaryFolder folder;
  const auto made = make_clustered(1000, true);
  Rng rng(13);
  for (const VectorMethod method : {VectorMethod::hnsw, VectorMethod::ivf_pq}) {
    const VectorIndexSpec spec = {.similarity = Similarity::l2, .method = method, .stored = VectorType::int8};
    build(folder / "v", made, spec);
    const std::string bytes = read_file(folder / "v");
    const std::vector<std::string> sections =
        method == VectorMethod::hnsw
            ? std::vector<std::string>{"links", "upper_at", "upper_links", "scale", "norm2"}
            : std::vector<std::string>{"centroids", "list_rows", "pieces", "codes", "decoded_norm2"};
    for (const auto& section : sections)
      for (const uint32_t word : {0u, 77u, 0x7FFFFFFFu, 0xFFFFFFFEu, 0xFFC00000u}) {
        SCOPED_TRACE(section + fmt::format(" {:x}", word));
        write_file(folder / "bad", with_words(bytes, section, word, rng));
        const auto index = VectorIndex::open(folder / "bad");
        for (const auto& query : made.queries)
          for (const auto& best : index.search(query, 10)) EXPECT_LT(best.doc, made.documents);
        EXPECT_THAT(error_of([&] { index.verify(); }), HasSubstr(section));
      }
    for (const size_t keep : {bytes.size() - 64, bytes.size() / 2, size_t{100}, size_t{10}, size_t{0}}) {
      SCOPED_TRACE(keep);
      write_file(folder / "bad", bytes.substr(0, keep));
      error_of([&] { VectorIndex::open(folder / "bad"); });
    }
  }
  build(folder / "v", made, {.method = VectorMethod::ivf_pq});
  write_file(folder / "bad", with_words(read_file(folder / "v"), "list_begins", 0xFFFFFFF0u, rng));
  EXPECT_THAT(error_of([&] { VectorIndex::open(folder / "bad"); }), HasSubstr("places of lists"));
}

}  // namespace
}  // namespace coppice
