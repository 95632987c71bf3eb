// Vector indexes against brute force in double precision: every method's exact search, filters, several vectors per
// document, orders, merging; and damaged files.

#include "index/vector/vectors.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "format/float16.h"
#include "kernels/vector_isa.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::HasSubstr;

struct Vector {
  DocOrdinal doc;
  std::vector<float> values;
};

struct Collection {
  int64_t dim;
  size_t documents;
  std::vector<Vector> vectors;
};

std::vector<float> random_vector(Rng& rng, int64_t dim, const std::vector<float>& centre = {},
                                 double spread = 1) {
  std::vector<float> values(static_cast<size_t>(dim));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = (centre.empty() ? 0 : centre[i]) + static_cast<float>(spread * rng.normal());
  return values;
}

// Clustered vectors; with `several`, documents have 0 to 3 of them. Some are equal, so that there are ties.
Collection make_collection(size_t documents, int64_t dim, bool several, uint64_t seed = 1) {
  Rng rng(seed);
  Collection made = {dim, documents, {}};
  std::vector<std::vector<float>> centres;
  for (int i = 0; i < 12; ++i) centres.push_back(random_vector(rng, dim));
  for (size_t doc = 0; doc < documents; ++doc) {
    const uint64_t count = several ? rng.below(4) : 1;
    for (uint64_t i = 0; i < count; ++i)
      made.vectors.push_back(
          {static_cast<DocOrdinal>(doc), !made.vectors.empty() && rng.chance(0.05)
                                             ? made.vectors[rng.below(made.vectors.size())].values
                                             : random_vector(rng, dim, rng.pick(centres), 0.3)});
  }
  return made;
}

VectorIndex build(const TemporaryFolder& folder, const Collection& collection, const VectorIndexSpec& spec,
                  const std::string& name = "v") {
  VectorIndexBuilder builder(spec, collection.dim, collection.documents);
  for (const auto& [doc, values] : collection.vectors) builder.add(doc, values);
  builder.write(folder / name);
  return VectorIndex::open(folder / name);
}

// The k best by comparing all, with the index's own score of each document.
std::vector<ScoredDoc> all_compared(const VectorIndex& index, std::span<const float> query, size_t k,
                                    const DocSet* allowed = nullptr) {
  TopK top(k);
  for (size_t doc = 0; doc < index.documents(); ++doc) {
    if (allowed != nullptr && !allowed->contains(static_cast<DocOrdinal>(doc))) continue;
    if (const auto score = index.score(static_cast<DocOrdinal>(doc), query))
      top.offer(static_cast<DocOrdinal>(doc), *score);
  }
  return top.take();
}

double reference_score(Similarity similarity, std::span<const float> a, std::span<const float> b) {
  double dot = 0, distance = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += double{a[i]} * b[i];
    distance += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  if (similarity == Similarity::l2) return -distance;
  return similarity == Similarity::dot ? dot : aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : 0;
}

std::vector<VectorIndexSpec> flat_specs() {
  std::vector<VectorIndexSpec> specs;
  for (const Similarity similarity : {Similarity::dot, Similarity::cosine, Similarity::l2}) {
    for (const VectorType stored : {VectorType::f32, VectorType::bf16})
      specs.push_back({.similarity = similarity, .stored = stored});
    for (const RerankType rerank : {RerankType::f32, RerankType::bf16, RerankType::none})
      specs.push_back({.similarity = similarity, .stored = VectorType::int8, .rerank = rerank});
  }
  return specs;
}

std::string name_of(const VectorIndexSpec& spec) {
  return to_string(spec.method) + " " + to_string(spec.similarity) + " " + to_string(spec.stored) + " " +
         to_string(spec.rerank);
}

TEST(VectorIndex, ScoresAreThoseOfTheVectors) {
  const TemporaryFolder folder;
  const auto collection = make_collection(60, 37, true);
  Rng rng(3);
  for (const auto& spec : flat_specs()) {
    const auto index = build(folder, collection, spec);
    const auto query = random_vector(rng, collection.dim);
    const bool lossless =
        spec.stored == VectorType::f32 || (spec.stored == VectorType::int8 && spec.rerank == RerankType::f32);
    const bool bf16 = spec.stored == VectorType::bf16 || spec.rerank == RerankType::bf16;
    for (size_t doc = 0; doc < collection.documents; ++doc) {
      double best = -INFINITY;
      for (const auto& [of, values] : collection.vectors)
        if (of == doc) best = std::max(best, reference_score(spec.similarity, query, values));
      const auto score = index.score(static_cast<DocOrdinal>(doc), query);
      ASSERT_EQ(score.has_value(), best != -INFINITY);
      const double size = spec.similarity == Similarity::cosine ? 1 : 60;
      if (score) {
        EXPECT_NEAR(*score, best, size * (lossless ? 1e-6 : bf16 ? 4e-3 : 2e-2)) << name_of(spec);
      }
    }
  }
}

TEST(VectorIndex, FlatSearchIsExact) {
  const TemporaryFolder folder;
  Rng rng(4);
  for (const bool several : {false, true}) {
    const auto collection = make_collection(several ? 1500 : 3000, 40, several);
    DocSet some(collection.documents), few(collection.documents), none(collection.documents);
    for (size_t doc = 0; doc < collection.documents; ++doc) {
      if (rng.chance(0.5)) some.insert(static_cast<DocOrdinal>(doc));
      if (rng.chance(0.01)) few.insert(static_cast<DocOrdinal>(doc));
    }
    for (const auto& spec : flat_specs()) {
      const auto index = build(folder, collection, spec);
      for (int i = 0; i < 4; ++i) {
        const auto query = i == 0 ? collection.vectors[17].values : random_vector(rng, collection.dim);
        for (const size_t k : {size_t{0}, size_t{1}, size_t{10}, size_t{100}, collection.documents + 5})
          for (const DocSet* allowed : std::array<const DocSet*, 4>{nullptr, &some, &few, &none}) {
            VectorSearchReport report;
            EXPECT_EQ(index.search(query, k, allowed, {.report = &report}),
                      all_compared(index, query, k, allowed))
                << name_of(spec) << " k " << k;
            EXPECT_TRUE(report.exact);
          }
      }
    }
  }
}

TEST(VectorIndex, FewerBytesAreRerankedWhenAskedFor) {
  const TemporaryFolder folder;
  const auto collection = make_collection(3000, 64, false);
  const auto index = build(folder, collection, {.stored = VectorType::int8});
  Rng rng(5);
  size_t found = 0;
  for (int i = 0; i < 20; ++i) {
    const auto query = random_vector(rng, collection.dim);
    VectorSearchReport report;
    const auto result = index.search(query, 10, nullptr, {.refine = 4, .report = &report});
    EXPECT_FALSE(report.exact);
    EXPECT_EQ(report.reranked, 40);
    const auto exact = index.search(query, 10);
    for (const auto& best : exact) found += std::count(result.begin(), result.end(), best);
  }
  EXPECT_GE(found, 195u);
}

TEST(VectorIndex, BatchesThreadsAndInstructionSetsChangeNothing) {
  const TemporaryFolder folder;
  const auto collection = make_collection(40000, 24, false);
  Rng rng(6);
  std::vector<float> queries;
  for (int i = 0; i < 37; ++i) {
    const auto query = random_vector(rng, collection.dim);
    queries.insert(queries.end(), query.begin(), query.end());
  }
  const int threads = thread_count();
  for (const Similarity similarity : {Similarity::cosine, Similarity::l2})
    for (const VectorType stored : {VectorType::f32, VectorType::bf16, VectorType::int8}) {
      const auto index = build(folder, collection, {.similarity = similarity, .stored = stored});
      for (const auto* table : kernels::supported_vector_kernels()) {
        const kernels::UseVectorKernels use(*table);
        std::vector<std::vector<ScoredDoc>> one_by_one;
        set_threads(1);
        for (size_t i = 0; i < 37; ++i)
          one_by_one.push_back(index.search(std::span(queries).subspan(i * 24, 24), 10));
        set_threads(3);
        EXPECT_EQ(index.search_batch(queries, 10), one_by_one) << table->name << " " << to_string(stored);
      }
    }
  set_threads(threads);
}

TEST(VectorIndex, AnOrderPermutesDocuments) {
  const TemporaryFolder folder;
  const auto collection = make_collection(200, 16, true);
  std::vector<DocOrdinal> order(collection.documents);
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<DocOrdinal>(i);
  Rng(7).shuffle(order);
  for (const VectorMethod method : {VectorMethod::flat, VectorMethod::hnsw, VectorMethod::ivf_pq}) {
    const VectorIndexSpec spec = {.method = method};
    const auto plain = build(folder, collection, spec);
    VectorIndexBuilder builder(spec, collection.dim, collection.documents);
    for (const auto& [doc, values] : collection.vectors) builder.add(doc, values);
    builder.write(folder / "permuted", order);
    const auto permuted = VectorIndex::open(folder / "permuted");
    for (size_t i = 0; i < order.size(); ++i)
      ASSERT_EQ(permuted.vectors_of(static_cast<DocOrdinal>(i)), plain.vectors_of(order[i]));
    permuted.verify();
  }
}

TEST(VectorIndex, VectorsComeBackForMerging) {
  const TemporaryFolder folder;
  const auto collection = make_collection(50, 19, true);
  for (const auto& spec : flat_specs()) {
    const auto index = build(folder, collection, spec);
    VectorIndexBuilder again(spec, collection.dim, collection.documents);
    index.for_each([&](DocOrdinal doc, std::span<const float> vector) { again.add_stored(doc, vector); });
    again.write(folder / "again");
    const auto copy = VectorIndex::open(folder / "again");
    ASSERT_EQ(copy.vectors(), collection.vectors.size());
    Rng rng(8);
    const auto query = random_vector(rng, collection.dim);
    const auto a = index.search(query, 10), b = copy.search(query, 10);
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].doc, b[i].doc) << name_of(spec);
      EXPECT_NEAR(a[i].score, b[i].score, std::abs(a[i].score) * 1e-6);
    }
  }
}

TEST(VectorIndex, ZeroVectorsHaveACosineOfZero) {
  const TemporaryFolder folder;
  VectorIndexBuilder builder({}, 3, 2);
  builder.add(0, std::vector<float>{0, 0, 0});
  builder.add(1, std::vector<float>{-2, 0, 0});
  builder.write(folder / "v");
  const auto index = VectorIndex::open(folder / "v");
  EXPECT_EQ(index.search(std::vector<float>{5, 0, 0}, 2), (std::vector<ScoredDoc>{{0, 0}, {1, -1}}));
  EXPECT_EQ(index.search(std::vector<float>{0, 0, 0}, 2), (std::vector<ScoredDoc>{{0, 0}, {1, 0}}));
}

TEST(VectorIndex, EmptyIndexesAnswer) {
  const TemporaryFolder folder;
  for (const VectorMethod method : {VectorMethod::flat, VectorMethod::hnsw, VectorMethod::ivf_pq})
    for (const size_t documents : {size_t{0}, size_t{5}}) {
      const auto index = build(folder, {4, documents, {}}, {.method = method});
      EXPECT_TRUE(index.search(std::vector<float>(4, 1), 3).empty());
      EXPECT_TRUE(index.search_batch({}, 3).empty());
      index.verify();
    }
}

TEST(VectorIndex, BadVectorsAreErrors) {
  const TemporaryFolder folder;
  VectorIndexBuilder builder({}, 3, 2);
  EXPECT_THAT(error_of([&] { builder.add(0, std::vector<float>{1, 2}, "line 7"); }), HasSubstr("line 7"));
  EXPECT_THAT(error_of([&] {
                builder.add(0, std::vector<float>{1, NAN, 2}, "line 8");
              }),
              HasSubstr("dimension 1"));
  EXPECT_THAT(error_of([&] { builder.add(0, std::vector<float>{1, 2, INFINITY}); }), HasSubstr("inf"));
  error_of([] { VectorIndexBuilder({}, 0, 1); });
  error_of([] { VectorIndexBuilder({}, 40000, 1); });
  builder.add(0, std::vector<float>{1, 2, 3});
  builder.write(folder / "v");
  const auto index = VectorIndex::open(folder / "v");
  EXPECT_THAT(error_of([&] { index.search(std::vector<float>{1, 2}, 1); }), HasSubstr("2 dimensions"));
  EXPECT_THAT(error_of([&] { index.search(std::vector<float>{1, 2, NAN}, 1); }), HasSubstr("dimension 2"));
  EXPECT_THAT(error_of([&] { index.search_batch(std::vector<float>(4), 1); }), HasSubstr("multiple of 3"));
}

}  // namespace
}  // namespace coppice
