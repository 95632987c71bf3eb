#include "model/word_experts.h"

#include <cmath>
#include <numeric>

#include <gmock/gmock.h>

#include "random_word_router.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using testing::HasSubstr;

TEST(WordExperts, AreThoseOfDealingOutOneByOne) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    MoeSpec moe{.widths = std::vector<int64_t>(1 + rng.below(12), 4)};
    const int64_t entries = moe.experts() + static_cast<int64_t>(rng.below(40));
    test::draw_word_router(moe, moe.experts() == 1 ? 1 : entries, rng);
    const WordExperts experts(moe.router.word_blocks);
    const auto naive = test::naive_experts(moe.router.word_blocks);
    for (size_t id = 0; id < naive.size(); ++id)
      EXPECT_EQ(experts.expert(static_cast<int64_t>(id)), naive[id]) << seed;
    // Outside the vocabulary: the unknown one's.
    for (const int64_t id : {int64_t{-1}, INT64_MIN, std::ssize(naive), INT64_MAX})
      EXPECT_EQ(experts.expert(id), 0);
  }
}

int64_t sum_of(const std::vector<WordBlock>& blocks, int64_t WordBlock::*member) {
  return std::accumulate(blocks.begin(), blocks.end(), int64_t{0},
                         [&](int64_t sum, const auto& block) { return sum + block.*member; });
}

// Zipf's law, as words have it: every id and expert is in a block, blocks have about the same traffic as far as single
// words allow, and frequent words share experts with fewer others than rare ones.
TEST(WordBlocks, SpreadTrafficAndCoverAll) {
  std::vector<int64_t> tokens = {12345};
  for (int64_t id = 1; id < 5000; ++id) tokens.push_back(1000000 / id);
  const double total = static_cast<double>(std::accumulate(tokens.begin() + 1, tokens.end(), int64_t{0}));
  for (const int64_t experts : {2, 16, 256, 4096, 5000})
    for (const int64_t blocks : {1, 4, 8}) {
      const auto plan = plan_word_blocks(tokens, experts, blocks);
      EXPECT_EQ(plan.front(), (WordBlock{1, 1}));
      EXPECT_EQ(std::ssize(plan), 1 + std::min(blocks, experts - 1));
      EXPECT_EQ(sum_of(plan, &WordBlock::words), 5000);
      EXPECT_EQ(sum_of(plan, &WordBlock::experts), experts);
      double crowd = 0;
      int64_t begin = 1;
      for (size_t b = 1; b < plan.size(); ++b) {
        EXPECT_GE(plan[b].words, plan[b].experts);
        EXPECT_GE(plan[b].experts, 1);
        double traffic = 0;
        for (int64_t id = begin; id < begin + plan[b].words; ++id)
          traffic += static_cast<double>(tokens[static_cast<size_t>(id)]);
        begin += plan[b].words;
        if (experts > blocks) {
          EXPECT_NEAR(traffic / total, 1 / static_cast<double>(blocks), 0.12) << experts << ' ' << blocks;
        }
        const double own = static_cast<double>(plan[b].words) / static_cast<double>(plan[b].experts);
        EXPECT_GE(own, 0.9 * crowd);
        crowd = own;
      }
    }
  EXPECT_EQ(plan_word_blocks(std::vector<int64_t>{7}, 1, 8), (std::vector<WordBlock>{{1, 1}}));
  EXPECT_EQ(plan_word_blocks(std::vector<int64_t>{7, 0, 0, 0}, 3, 2),
            (std::vector<WordBlock>{{1, 1}, {1, 1}, {2, 1}}));
}

TEST(WordBlocks, WantAWordForEachExpert) {
  const std::vector<int64_t> tokens = {3, 2, 1};
  for (const int64_t experts : {0, 1, 4})
    EXPECT_THAT(error_of([&] { plan_word_blocks(tokens, experts, 1); }, Fault::usage), HasSubstr("2 to 3"));
}

}  // namespace
}  // namespace coppice
