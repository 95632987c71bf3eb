#include "index/top_k.h"

#include <gmock/gmock.h>

#include "base/rng.h"

namespace coppice {
namespace {

TEST(TopK, KeepsWhatSortingWouldKeepWithTiesByOrdinal) {
  Rng rng(1);
  for (const size_t k : {0u, 1u, 2u, 7u, 64u, 300u}) {
    std::vector<ScoredDoc> all;
    for (DocOrdinal doc = 0; doc < 200; ++doc) all.push_back({doc, static_cast<float>(rng.below(9))});
    rng.shuffle(all);
    TopK top(k);
    for (const auto& [doc, score] : all) top.offer(doc, score);
    std::sort(all.begin(), all.end(), ranks_before);
    all.resize(std::min(k, all.size()));
    EXPECT_EQ(top.take(), all) << "k = " << k;
  }
}

TEST(TopK, ThresholdIsTheLastScoreOnceFull) {
  TopK top(2);
  EXPECT_EQ(top.threshold(), -std::numeric_limits<float>::infinity());
  top.offer(5, 3);
  EXPECT_FALSE(top.full());
  top.offer(6, 1);
  EXPECT_TRUE(top.full());
  EXPECT_EQ(top.threshold(), 1);
  EXPECT_FALSE(top.offer(7, 1));
  EXPECT_TRUE(top.offer(4, 1));
  EXPECT_EQ(TopK(0).threshold(), std::numeric_limits<float>::infinity());
}

TEST(DocSet, HoldsWhatWasInserted) {
  for (const size_t documents : {0u, 1u, 63u, 64u, 65u, 200u}) {
    EXPECT_EQ(DocSet(documents, true).count(), documents);
    DocSet odd(documents);
    for (DocOrdinal doc = 1; doc < documents; doc += 2) odd.insert(doc);
    std::vector<DocOrdinal> seen;
    odd.for_each([&](DocOrdinal doc) { seen.push_back(doc); });
    EXPECT_EQ(seen.size(), documents / 2);
    for (const DocOrdinal doc : seen) EXPECT_TRUE(doc % 2 == 1 && odd.contains(doc));
    DocSet both(documents, true);
    both &= odd;
    EXPECT_EQ(both.count(), odd.count());
  }
  DocSet set(3);
  EXPECT_THROW(set.insert(3), InternalError);
}

}  // namespace
}  // namespace coppice
