// Late interaction: exact search against brute force over what is stored, PLAID's recall, drift, merging, explanations.

#include "index/late/late_index.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/rng.h"
#include "kernels/vector_isa.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::HasSubstr;

class Late : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { Progress::silence(true); }
  const TemporaryFolder folder_;
};

void to_length_one(std::vector<float>& values) {
  double norm2 = 0;
  for (const float value : values) norm2 += double{value} * value;
  for (float& value : values) value = static_cast<float>(value / std::sqrt(norm2));
}

// Token vectors around word-like centres; documents mix a few topics, each of which has its own words.
struct World {
  Rng rng{1};
  int64_t dim;
  std::vector<std::vector<float>> words;
  World(int64_t dim_, size_t count, uint64_t seed = 1) : rng(seed), dim(dim_) {
    for (size_t i = 0; i < count; ++i) words.push_back(near({}, 1));
  }
  std::vector<float> near(const std::vector<float>& centre, double spread) {
    std::vector<float> token(static_cast<size_t>(dim));
    for (size_t d = 0; d < token.size(); ++d)
      token[d] =
          (centre.empty() ? 0 : centre[d]) + static_cast<float>(spread * rng.normal() / std::sqrt(dim));
    to_length_one(token);
    return token;
  }
  std::vector<float> text(size_t tokens, double spread = 0.6) {
    std::vector<float> matrix;
    const size_t topic = rng.below(words.size());
    for (size_t i = 0; i < tokens; ++i) {
      const size_t word = rng.chance(0.7) ? (topic + rng.below(12)) % words.size() : rng.below(words.size());
      const auto token = near(words[word], spread);
      matrix.insert(matrix.end(), token.begin(), token.end());
    }
    return matrix;
  }
};

struct Texts {
  int64_t dim;
  std::vector<std::vector<float>> documents;
};

Texts make_texts(World& world, size_t documents, size_t most_tokens = 30) {
  Texts texts = {world.dim, {}};
  for (size_t i = 0; i < documents; ++i) texts.documents.push_back(world.text(world.rng.below(most_tokens)));
  return texts;
}

LateIndexBuilder::Report write(const std::filesystem::path& path, const Texts& texts,
                               const LateIndexSpec& spec, std::optional<LateCodebook> codebook = {}) {
  LateIndexBuilder builder(spec, texts.dim, texts.documents.size(), std::move(codebook));
  for (size_t doc = 0; doc < texts.documents.size(); ++doc)
    builder.add(static_cast<DocOrdinal>(doc), {texts.documents[doc], texts.dim});
  return builder.write(path);
}

double max_similarities(std::span<const float> query, std::span<const float> doc, int64_t dim) {
  double sum = 0;
  const auto width = static_cast<size_t>(dim);
  for (size_t q = 0; q < query.size(); q += width) {
    double best = -INFINITY;
    for (size_t t = 0; t < doc.size(); t += width) {
      double dot = 0;
      for (size_t d = 0; d < width; ++d) dot += double{query[q + d]} * doc[t + d];
      best = std::max(best, dot);
    }
    sum += best;
  }
  return sum;
}

TEST_F(Late, ExactSearchIsBruteForceOverWhatIsStored) {
  for (const int64_t dim : {20, 32}) {
    World world(dim, 60);
    const Texts texts = make_texts(world, 300);
    for (const int64_t bits : {1, 2, 4})
      for (const TokenStorage tokens : {TokenStorage::none, TokenStorage::f32, TokenStorage::bf16}) {
        write(folder_ / "late", texts, {.bits = bits, .centroids = 32, .tokens = tokens});
        const auto index = LateIndex::open(folder_ / "late");
        index.verify();
        for (size_t doc = 0; doc < texts.documents.size(); ++doc)
          if (tokens == TokenStorage::f32) {
            ASSERT_EQ(index.tokens_of(static_cast<DocOrdinal>(doc)), texts.documents[doc]);
          }
        const auto query = world.text(7);
        DocSet some(300);
        for (DocOrdinal doc = 0; doc < 300; doc += 3) some.insert(doc);
        for (const DocSet* allowed : {static_cast<const DocSet*>(nullptr), static_cast<const DocSet*>(&some)})
          for (const size_t k : {size_t{1}, size_t{20}, size_t{1000}}) {
            const auto found = index.search({query, dim}, k, allowed, {.exact = true});
            TopK top(k);
            size_t scored = 0;
            for (DocOrdinal doc = 0; doc < 300; ++doc) {
              const auto stored = index.tokens_of(doc);
              if (stored.empty() || (allowed != nullptr && !allowed->contains(doc))) continue;
              const auto score = index.score(doc, {query, dim});
              ASSERT_TRUE(score);
              ASSERT_NEAR(*score, max_similarities(query, stored, dim), 1e-5);
              top.offer(doc, *score);
              ++scored;
            }
            EXPECT_EQ(found, top.take());
            EXPECT_EQ(found.size(), std::min(k, scored));
          }
      }
  }
}

TEST_F(Late, MoreBitsComeNearerToTheTokens) {
  World world(32, 40);
  const Texts texts = make_texts(world, 300);
  double last = INFINITY;
  for (const int64_t bits : {1, 2, 4}) {
    const auto report = write(folder_ / "late", texts, {.bits = bits, .centroids = 16});
    EXPECT_LT(report.error, last);
    EXPECT_NEAR(report.drift, 0.9, 0.2);  // most of these rows trained the centroids
    last = report.error;
  }
}

TEST_F(Late, PlaidFindsWhatExactSearchFinds) {
  World world(64, 400, 9);
  const Texts texts = make_texts(world, 6000);
  write(folder_ / "late", texts, {.iterations = 4});
  const auto index = LateIndex::open(folder_ / "late");
  size_t found = 0, wanted = 0;
  for (int i = 0; i < 15; ++i) {
    const auto query = world.text(16);
    LateSearchReport report;
    const auto plaid = index.search({query, 64}, 100, nullptr, {.report = &report});
    EXPECT_FALSE(report.exact);
    EXPECT_LT(report.decoded, 2000);
    for (const auto& best : index.search({query, 64}, 100, nullptr, {.exact = true})) {
      ++wanted;
      found += static_cast<size_t>(std::count(plaid.begin(), plaid.end(), best));  // with the very same score
    }
  }
  EXPECT_GE(static_cast<double>(found), 0.98 * static_cast<double>(wanted));
}

TEST_F(Late, EverythingProbedIsExact) {
  World world(16, 50);
  const Texts texts = make_texts(world, 400);
  write(folder_ / "late", texts, {.centroids = 64});
  const auto index = LateIndex::open(folder_ / "late");
  const auto query = world.text(5);
  EXPECT_EQ(index.search({query, 16}, 50, nullptr, {.nprobe = 64, .candidates = 4000}),
            index.search({query, 16}, 50, nullptr, {.exact = true}));
  DocSet few(400);
  few.insert(3);
  few.insert(77);
  EXPECT_EQ(index.search({query, 16}, 50, &few, {.nprobe = 64}),
            index.search({query, 16}, 50, &few, {.exact = true}));
}

TEST_F(Late, WeightsScaleQueryTokens) {
  World world(16, 50);
  const Texts texts = make_texts(world, 100);
  write(folder_ / "late", texts, {.centroids = 16, .tokens = TokenStorage::f32});
  const auto index = LateIndex::open(folder_ / "late");
  const auto query = world.text(3);
  const std::vector<float> ones(3, 1), only_first = {1, 0, 0};
  EXPECT_EQ(index.search({query, 16}, 10, nullptr, {.exact = true, .weights = ones}),
            index.search({query, 16}, 10, nullptr, {.exact = true}));
  EXPECT_EQ(index.search({query, 16}, 10, nullptr, {.exact = true, .weights = only_first}),
            index.search({std::span(query).first(16), 16}, 10, nullptr, {.exact = true}));
  EXPECT_THAT(error_of([&] {
                index.search({query, 16}, 1, nullptr, {.weights = std::span(ones).first(2)});
              }),
              HasSubstr("2 weights"));
}

TEST_F(Late, ExplanationsAddUpToTheScore) {
  World world(24, 50);
  const Texts texts = make_texts(world, 50);
  write(folder_ / "late", texts, {.centroids = 16});
  const auto index = LateIndex::open(folder_ / "late");
  const auto query = world.text(6);
  for (DocOrdinal doc = 0; doc < 50; ++doc) {
    const auto matches = index.explain(doc, {query, 24});
    const auto score = index.score(doc, {query, 24});
    ASSERT_EQ(score.has_value(), !matches.empty());
    if (!score) continue;
    ASSERT_EQ(matches.size(), 6u);
    float sum = 0;
    for (const auto& match : matches) sum += match.similarity;
    EXPECT_EQ(sum, *score);
  }
}

TEST_F(Late, AddingNeedsNoTrainingAndDriftIsSeen) {
  World world(32, 100), other(32, 100, 77);
  const Texts first = make_texts(world, 600), similar = make_texts(world, 200),
              different = make_texts(other, 200);
  const LateIndexSpec spec = {};
  write(folder_ / "first", first, spec);
  const auto codebook = LateIndex::open(folder_ / "first").codebook();
  const auto same = write(folder_ / "similar", similar, spec, codebook);
  const auto drifted = write(folder_ / "different", different, spec, codebook);
  EXPECT_LT(same.drift, 1.25);
  EXPECT_GT(drifted.drift, LateIndexBuilder::drift_limit);
  EXPECT_EQ(LateIndex::open(folder_ / "similar").codebook().centroids, codebook.centroids);
  EXPECT_EQ(LateIndex::open(folder_ / "similar").codebook().error, codebook.error);
}

TEST_F(Late, ThreadsChangeNothing) {
  World world(16, 50);
  const Texts texts = make_texts(world, 500);
  const int threads = thread_count();
  const auto query = world.text(9);
  std::vector<std::vector<ScoredDoc>> results;
  for (const int count : {1, 3}) {
    set_threads(count);
    write(folder_ / std::to_string(count), texts, {});
    results.push_back(LateIndex::open(folder_ / std::to_string(count)).search({query, 16}, 20));
  }
  set_threads(threads);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(read_file(folder_ / "1"), read_file(folder_ / "3"));
}

TEST_F(Late, AnOrderPermutesDocuments) {
  World world(16, 50);
  const Texts texts = make_texts(world, 80);
  std::vector<DocOrdinal> order(80);
  for (size_t i = 0; i < 80; ++i) order[i] = static_cast<DocOrdinal>(i);
  world.rng.shuffle(order);
  LateIndexBuilder builder({.centroids = 16, .tokens = TokenStorage::f32}, 16, 80);
  for (DocOrdinal doc = 0; doc < 80; ++doc)
    if (!texts.documents[doc].empty()) builder.add(doc, {texts.documents[doc], 16});
  builder.write(folder_ / "late", order);
  const auto index = LateIndex::open(folder_ / "late");
  for (size_t i = 0; i < 80; ++i)
    ASSERT_EQ(index.tokens_of(static_cast<DocOrdinal>(i)), texts.documents[order[i]]);
}

TEST_F(Late, EmptyIndexesAnswer) {
  for (const size_t documents : {size_t{0}, size_t{3}}) {
    LateIndexBuilder({}, 8, documents).write(folder_ / "late");
    const auto index = LateIndex::open(folder_ / "late");
    EXPECT_TRUE(index.search({std::vector<float>(8, 1), 8}, 3).empty());
    EXPECT_TRUE(index.search({std::vector<float>(8, 1), 8}, 3, nullptr, {.exact = true}).empty());
    index.verify();
  }
}

TEST_F(Late, BadTokensAreErrors) {
  LateIndexBuilder builder({}, 4, 3);
  EXPECT_THAT(error_of([&] { builder.add(0, {std::vector<float>(6), 3}, "line 3"); }), HasSubstr("line 3"));
  EXPECT_THAT(error_of([&] { builder.add(0, {std::vector<float>(6), 4}); }), HasSubstr("rows of 4"));
  EXPECT_THAT(error_of([&] {
                builder.add(0, {std::vector<float>{1, 2, 3, 4, 5, NAN, 7, 8}, 4});
              }),
              HasSubstr("token 1, dimension 1"));
  error_of([] { LateIndexBuilder({.bits = 3}, 4, 1); }, Fault::usage);
  error_of([] { LateIndexBuilder({}, 0, 1); });
  builder.add(1, {std::vector<float>{1, 0, 0, 0}, 4});
  builder.write(folder_ / "late");
  const auto index = LateIndex::open(folder_ / "late");
  EXPECT_THAT(error_of([&] { index.search({std::vector<float>(5), 5}, 1); }), HasSubstr("5 dimensions"));
  EXPECT_THAT(error_of([&] { index.search({{}, 4}, 1); }), HasSubstr("0 numbers"));
  EXPECT_THAT(error_of([&] {
                index.search({std::vector<float>{1, 2, 3, NAN}, 4}, 1);
              }),
              HasSubstr("token 0"));
  EXPECT_THAT(error_of([&] { LateIndexBuilder({}, 5, 1, index.codebook()); }), HasSubstr("5 dimensions"));
}

// Merging keeps codes as they are, so that no score changes however often it is done.
TEST_F(Late, StoredDocumentsKeepTheirCodes) {
  World world(24, 50);
  const Texts texts = make_texts(world, 120);
  for (const TokenStorage tokens : {TokenStorage::none, TokenStorage::bf16}) {
    const LateIndexSpec spec = {.centroids = 16, .tokens = tokens};
    write(folder_ / "from", texts, spec);
    const auto from = LateIndex::open(folder_ / "from");
    std::vector<DocOrdinal> order(texts.documents.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<DocOrdinal>(i);
    Rng(4).shuffle(order);
    LateIndexBuilder builder(spec, texts.dim, texts.documents.size(), from.codebook());
    for (DocOrdinal doc = 0; doc < texts.documents.size(); ++doc) builder.add_stored(doc, from, doc);
    const auto report = builder.write(folder_ / "to", order);
    EXPECT_EQ(report.tokens, from.tokens());
    const auto to = LateIndex::open(folder_ / "to");
    to.verify();
    EXPECT_NEAR(to.drift(), from.drift(), 1e-9);
    const auto query = world.text(5);
    for (size_t i = 0; i < order.size(); ++i) {
      const auto doc = static_cast<DocOrdinal>(i);
      ASSERT_EQ(to.tokens_of(doc), from.tokens_of(order[i]));
      EXPECT_EQ(to.score(doc, {query, texts.dim}), from.score(order[i], {query, texts.dim}));
    }
    EXPECT_EQ(to.search({query, texts.dim}, 5, nullptr, {.exact = true})[0].score,
              from.search({query, texts.dim}, 5, nullptr, {.exact = true})[0].score);
  }
}

}  // namespace
}  // namespace coppice
