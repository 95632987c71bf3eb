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

TEST(Sampler, OnlyTheLastTokensCountAsSeen) {
  const std::vector<float> logits = {3, 2, 1};
  const std::vector<int32_t> history = {0, 1, 1};
  EXPECT_EQ(Sampler({.temp = 0, .repeat_penalty = 9, .repeat_last_n = 2}).sample(logits, history), 0);
  EXPECT_EQ(Sampler({.temp = 0, .repeat_penalty = 9, .repeat_last_n = 3}).sample(logits, history), 2);
  EXPECT_EQ(Sampler({.temp = 0, .repeat_penalty = 9, .repeat_last_n = 0}).sample(logits, history), 0);
  EXPECT_EQ(Sampler({.temp = 0, .repeat_penalty = 9, .repeat_last_n = 99}).sample(logits, history), 2);
}

TEST(Sampler, PenaltiesOfPresenceAndFrequencyAreSubtracted) {
  const std::vector<float> logits = {3, 2.5f, 1};
  const std::vector<int32_t> history = {0, 1, 1};
  EXPECT_EQ(Sampler({.temp = 0, .presence_penalty = 0.4}).sample(logits, history), 0);    // 2.6, 2.1
  EXPECT_EQ(Sampler({.temp = 0, .presence_penalty = 2.1}).sample(logits, history), 2);    // 0.9, 0.4, 1
  EXPECT_EQ(Sampler({.temp = 0, .frequency_penalty = 0.6}).sample(logits, history), 0);   // 2.4, 1.3
  EXPECT_EQ(Sampler({.temp = 0, .frequency_penalty = -0.6}).sample(logits, history), 1);  // 3.6, 3.7
}

// -ln p is 0.51, 1.90 and 1.39; the expected surprise 0.94.
TEST(Sampler, TypicalPKeepsTheUsualSurprise) {
  SamplerOptions options = plain;
  options.typical_p = 0.2;
  expect_near(frequencies(options, logits_of({0.6, 0.15, 0.25})), {{0, 1}});
  options.typical_p = 0.7;
  expect_near(frequencies(options, logits_of({0.6, 0.15, 0.25})), {{0, 0.6 / 0.85}, {2, 0.25 / 0.85}});
  options.typical_p = 0.2;  // of one likely and many unlikely tokens the likely one is the surprise
  std::vector<double> many(40, 0.6 / 40);
  many.push_back(0.4);
  EXPECT_FALSE(frequencies(options, logits_of(many)).contains(40));
}

// The chain on sorted copies of everything, as slow as it is plain.
Distribution by_sorting(const SamplerOptions& options, const std::vector<float>& logits) {
  std::vector<std::pair<double, int32_t>> all;
  for (size_t i = 0; i < logits.size(); ++i)
    all.push_back({-static_cast<double>(logits[i]), static_cast<int32_t>(i)});
  std::sort(all.begin(), all.end());
  if (options.temp == 0) return {{all[0].second, 1}};
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < all.size())
    all.resize(static_cast<size_t>(options.top_k));
  std::vector<double> p;
  double total = 0, mass = 0;
  for (const auto& [logit, id] : all)
    total += p.emplace_back(std::exp((all[0].first - logit) / options.temp));
  size_t kept = 0;
  while (kept < p.size() && (kept == 0 || mass < options.top_p * total)) mass += p[kept++];
  while (kept > 1 && p[kept - 1] < options.min_p) mass -= p[--kept];
  Distribution result;
  for (size_t i = 0; i < kept; ++i)
    if (p[i] > 0) result.push_back({all[i].second, p[i] / mass});
  return result;
}

TEST(Sampler, LongVocabulariesAreTreatedAsShortOnes) {
  Rng rng(3);
  for (int round = 0; round < 60; ++round) {
    std::vector<float> logits(1 + rng.below(3000));
    for (float& logit : logits) {
      logit = static_cast<float>(rng.normal() * 4);
      if (rng.chance(0.3)) logit = std::round(logit);  // equal ones
      if (rng.chance(0.1)) logit = -INFINITY;
    }
    logits[rng.below(logits.size())] = 1;
    const SamplerOptions options = {.temp = rng.chance(0.2) ? 0 : rng.uniform(0.2, 2),
                                    .top_k = rng.chance(0.5) ? static_cast<int64_t>(rng.below(60)) : 0,
                                    .top_p = rng.chance(0.5) ? rng.uniform() : 1,
                                    .min_p = rng.chance(0.5) ? rng.uniform(0, 0.5) : 0};
    const auto got = Sampler(options).distribution(logits, {}), want = by_sorting(options, logits);
    ASSERT_EQ(got.size(), want.size()) << round;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].id, want[i].id) << round;
      ASSERT_NEAR(got[i].probability, want[i].probability, 1e-9) << round;
    }
  }
}

// Whatever guessed, the draws have the target's probabilities.
TEST(Sampler, GuessesLeaveTheDistribution) {
  const Distribution target = {{4, 0.5}, {1, 0.3}, {7, 0.2}};
  const Distribution guessed[] = {{{4, 0.5}, {1, 0.3}, {7, 0.2}},
                                  {{1, 0.9}, {4, 0.1}},
                                  {{9, 1}},
                                  {{7, 1}},
                                  {{9, 0.4}, {7, 0.35}, {4, 0.25}}};
  for (const auto& guess : guessed) {
    Sampler sampler(plain), drafter = sampler.fork("draft");
    std::map<int32_t, double> counts;
    int agreed = 0;
    for (int i = 0; i < 20000; ++i) {
      const int32_t proposed = drafter.draw(guess), id = sampler.draw(target, proposed, guess);
      agreed += id == proposed;
      counts[id] += 1.0 / 20000;
    }
    expect_near(counts, {{4, 0.5}, {1, 0.3}, {7, 0.2}});
    double overlap = 0;  // what can agree at most
    for (const auto& a : target)
      for (const auto& b : guess)
        if (a.id == b.id) overlap += std::min(a.probability, b.probability);
    EXPECT_NEAR(agreed / 20000.0, overlap, 5 * std::sqrt(0.25 / 20000));
  }
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
