// Fusion against its formulas, and that neutral weights change nothing.

#include "index/fuse/fusion.h"

#include <cmath>
#include <map>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using testing::HasSubstr;

using List = std::vector<RunDoc>;

const List a = {{"x", 10}, {"y", 6}, {"z", 2}}, b = {{"y", 0.9}, {"w", 0.5}};

std::map<std::string, double> scores(const std::vector<FusedDoc>& docs) {
  std::map<std::string, double> by_doc;
  for (const auto& doc : docs) by_doc[std::string(doc.doc)] = doc.score;
  return by_doc;
}

TEST(Fusion, ReciprocalRanks) {
  const auto fused = fuse(std::vector{a, b}, {}, 10);
  EXPECT_EQ(fused[0].doc, "y");
  const auto found = scores(fused);
  EXPECT_DOUBLE_EQ(found.at("y"), 1.0 / 62 + 1.0 / 61);
  EXPECT_DOUBLE_EQ(found.at("x"), 1.0 / 61);
  EXPECT_DOUBLE_EQ(found.at("w"), 1.0 / 62);
  EXPECT_DOUBLE_EQ(found.at("z"), 1.0 / 63);
  EXPECT_DOUBLE_EQ(scores(fuse(std::vector{a, b}, {.weights = {2, 1}, .rank_constant = 0}, 10)).at("y"),
                   2.0 / 2 + 1.0 / 1);
}

TEST(Fusion, Sums) {
  auto found = scores(fuse(std::vector{a, b}, {.method = FuseMethod::sum, .weights = {1, 0.5}}, 10));
  EXPECT_DOUBLE_EQ(found.at("x"), 1);
  EXPECT_DOUBLE_EQ(found.at("y"), 0.5 + 0.5);
  EXPECT_DOUBLE_EQ(found.at("w"), 0);
  EXPECT_DOUBLE_EQ(found.at("z"), 0);
  found =
      scores(fuse(std::vector{a, b}, {.method = FuseMethod::sum, .normalization = Normalization::none}, 10));
  EXPECT_DOUBLE_EQ(found.at("x"), 10);
  EXPECT_DOUBLE_EQ(found.at("y"), 6.9);
  found = scores(fuse(std::vector{a, b}, {.method = FuseMethod::sum, .normalization = Normalization::z}, 10));
  const double deviation = std::sqrt(32.0 / 3);
  EXPECT_NEAR(found.at("x"), 4 / deviation - 1, 1e-12) << "a missing document counts as the last";
  EXPECT_NEAR(found.at("y"), 0 + 1, 1e-12);
  EXPECT_NEAR(found.at("w"), -4 / deviation - 1, 1e-12);
}

TEST(Fusion, Products) {
  const List cosines = {{"y", 0.5}, {"x", 0.4}, {"w", -0.3}};
  auto found = scores(fuse(std::vector{a, cosines}, {.method = FuseMethod::product}, 10));
  EXPECT_DOUBLE_EQ(found.at("x"), 4);
  EXPECT_DOUBLE_EQ(found.at("y"), 3);
  EXPECT_DOUBLE_EQ(found.at("w"), 0) << "below 0 counts as 0";
  EXPECT_DOUBLE_EQ(found.at("z"), 0);
  found = scores(fuse(std::vector{a, cosines}, {.method = FuseMethod::product, .weights = {1, 2}}, 10));
  EXPECT_DOUBLE_EQ(found.at("x"), 10 * 0.4 * 0.4);
  // A factor on all of one list changes no order.
  List scaled = a;
  for (auto& doc : scaled) doc.score *= 7;
  const auto plain = fuse(std::vector{a, cosines}, {.method = FuseMethod::product}, 10),
             other = fuse(std::vector{scaled, cosines}, {.method = FuseMethod::product}, 10);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain[i].doc, other[i].doc);
}

TEST(Fusion, NeutralWeightsGiveTheListBack) {
  Rng rng(3);
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back(fmt::format("d{}", i));
  List first, second;
  for (const auto& name : names) {
    if (rng.chance(0.7)) first.push_back({name, std::floor(20 * rng.normal()) / 3});
    if (rng.chance(0.7)) second.push_back({name, rng.normal()});
  }
  sort_by_rank(first);
  sort_by_rank(second);
  for (const auto method : {FuseMethod::rrf, FuseMethod::sum, FuseMethod::product})
    for (const auto how : {Normalization::none, Normalization::minmax, Normalization::z}) {
      const FusionSpec spec = {.method = method, .normalization = how, .weights = {0.3, 0}};
      const auto fused = fuse(std::vector{first, second}, spec, 1000);
      ASSERT_EQ(fused.size(), first.size());
      for (size_t i = 0; i < fused.size(); ++i) {
        EXPECT_EQ(fused[i].doc, first[i].doc);
        EXPECT_EQ(fused[i].score, first[i].score);
      }
    }
}

TEST(Fusion, PartsExplainTheScore) {
  for (const auto method : {FuseMethod::rrf, FuseMethod::sum, FuseMethod::product})
    for (const auto& doc : fuse(std::vector{a, b, a}, {.method = method, .weights = {1, 2, 0}}, 10, true)) {
      ASSERT_EQ(doc.parts.size(), 3u);
      const double one = doc.parts[0].counts, two = doc.parts[1].counts;
      EXPECT_DOUBLE_EQ(doc.score, method == FuseMethod::product ? one * two : one + two);
    }
}

TEST(Fusion, EqualAndEmptyLists) {
  const List equal = {{"q", 3}, {"p", 3}};
  for (const auto how : {Normalization::minmax, Normalization::z})
    for (const auto& doc :
         fuse(std::vector{equal, List{}}, {.method = FuseMethod::sum, .normalization = how}, 10))
      EXPECT_TRUE(std::isfinite(doc.score));
  const auto fused = fuse(std::vector{equal, List{}}, {}, 10);
  EXPECT_EQ(fused[0].doc, "q");
  EXPECT_TRUE(fuse(std::vector{List{}, List{}}, {}, 10).empty());
  EXPECT_EQ(fuse(std::vector{a, b}, {}, 2).size(), 2u);
}

TEST(Fusion, WeightsFitTheLists) {
  EXPECT_THAT(error_of(
                  [] {
                    fuse(std::vector{a, b}, {.weights = {1}}, 10);
                  },
                  Fault::usage),
              HasSubstr("one for each"));
  EXPECT_THAT(error_of(
                  [] {
                    fuse(std::vector{a, b}, {.weights = {0, 0}}, 10);
                  },
                  Fault::usage),
              HasSubstr("above 0"));
}

}  // namespace
}  // namespace coppice
