#include "model/sampler.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace coppice {
namespace {

// Nothing but the temperature at work.
const SamplerOptions plain = {.temp = 1, .top_k = 0, .top_p = 1, .min_p = 0};

std::map<int32_t, double> frequencies(const SamplerOptions& options, const std::vector<float>& logits,
                                      const std::vector<int32_t>& history = {}) {
  Sampler sampler(options);
  constexpr int draws = 20000;
  std::map<int32_t, double> counts;
  for (int i = 0; i < draws; ++i) counts[sampler.sample(logits, history)] += 1.0 / draws;
  return counts;
}

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

// Frequencies lie within five standard deviations of the probabilities.
void expect_near(const std::map<int32_t, double>& got, const std::map<int32_t, double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [id, p] : want) {
    ASSERT_TRUE(got.contains(id)) << id;
    EXPECT_NEAR(got.at(id), p, 5 * std::sqrt(p * (1 - p) / 20000) + 1e-9) << id;
  }
}

TEST(Sampler, TemperatureZeroTakesTheHighestAndOfEqualTheLowestId) {
  Sampler sampler({.temp = 0});
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 7, 7, 3}, {}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-INFINITY, -5, -9}, {}), 1);
}

TEST(Sampler, DrawsByProbability) {
  expect_near(frequencies(plain, logits_of({0.5, 0.2, 0.3})), {{0, 0.5}, {1, 0.2}, {2, 0.3}});
}

TEST(Sampler, TemperatureSharpens) {
  SamplerOptions options = plain;
  options.temp = 0.5;  // squares the odds
  expect_near(frequencies(options, logits_of({0.6, 0.3, 0.1})),
              {{0, 0.36 / 0.46}, {1, 0.09 / 0.46}, {2, 0.01 / 0.46}});
}

TEST(Sampler, TopKKeepsTheLikeliest) {
  SamplerOptions options = plain;
  options.top_k = 2;
  expect_near(frequencies(options, logits_of({0.1, 0.5, 0.1, 0.3})), {{1, 0.5 / 0.8}, {3, 0.3 / 0.8}});
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  SamplerOptions options = plain;
  options.top_p = 0.6;
  expect_near(frequencies(options, logits_of({0.1, 0.5, 0.1, 0.3})), {{1, 0.5 / 0.8}, {3, 0.3 / 0.8}});
  options.top_p = 0;
  expect_near(frequencies(options, logits_of({0.1, 0.5, 0.1, 0.3})), {{1, 1}});
}

TEST(Sampler, MinPDropsTheUnlikely) {
  SamplerOptions options = plain;
  options.min_p = 0.5;
  expect_near(frequencies(options, logits_of({0.1, 0.5, 0.1, 0.3})), {{1, 0.5 / 0.8}, {3, 0.3 / 0.8}});
  options.min_p = 1;
  expect_near(frequencies(options, logits_of({0.4, 0.4, 0.2})), {{0, 0.5}, {1, 0.5}});
}

TEST(Sampler, PenaltyWeakensWhatWasSeenOfEitherSign) {
  Sampler sampler({.temp = 0, .repeat_penalty = 2});
  EXPECT_EQ(sampler.sample(std::vector<float>{3, 2, 1}, std::vector<int32_t>{0, 0}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-1, -1.5f, -9}, std::vector<int32_t>{0}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{3, 2, 1}, {}), 0);
}

TEST(Sampler, SameSeedSameDraws) {
  SamplerOptions options = plain;
  options.seed = 5;
  const std::vector<float> logits(50, 0.0f);
  const auto sequence = [&] {
    Sampler sampler(options);
    std::vector<int32_t> ids;
    for (int i = 0; i < 30; ++i) ids.push_back(sampler.sample(logits, {}));
    return ids;
  };
  const auto first = sequence();
  EXPECT_EQ(first, sequence());
  options.seed = 6;
  EXPECT_NE(first, sequence());
}

TEST(Sampler, BrokenLogitsAreErrors) {
  Sampler sampler(plain);
  EXPECT_THROW(sampler.sample(std::vector<float>{1, NAN}, {}), Error);
  EXPECT_THROW(sampler.sample(std::vector<float>{1, INFINITY}, {}), Error);
  EXPECT_THROW(sampler.sample(std::vector<float>{-INFINITY, -INFINITY}, {}), Error);
}

}  // namespace
}  // namespace coppice
