// Integers in groups against their definition, and what the choice of a group does to planted outliers.

#include "format/grouped_integers.h"

#include <cmath>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "format/float16.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using testing::HasSubstr;

std::vector<float> normal_floats(Rng& rng, int64_t count, double scale) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.normal() * scale));
  return values;
}

std::vector<float> back(const GroupedIntegers& grouped) {
  return floats_of_groups(grouped.integers, grouped.scales, grouped.rows, grouped.columns, grouped.bits);
}

TEST(GroupedIntegers, EveryWeightIsWithinHalfAScale) {
  Rng rng(1);
  for (const int bits : {4, 8})
    for (const int64_t columns : {1, 2, 7, 64, 96, 130})
      for (int64_t group = 1; group <= columns; ++group) {
        if (columns % group != 0) continue;
        const int64_t rows = 5;
        const auto values = normal_floats(rng, rows * columns, std::pow(10, rng.uniform(-3, 2)));
        const auto grouped = quantize_in_groups(values, rows, bits, group, "w");
        EXPECT_EQ(grouped.bytes(), rows * ((columns * bits + 7) / 8 + columns / group * 2));
        EXPECT_EQ(grouped.integers.size(), static_cast<size_t>(rows * ((columns * bits + 7) / 8)));
        const auto found = back(grouped);
        ASSERT_EQ(found.size(), values.size());
        for (size_t i = 0; i < values.size(); ++i) {
          const float scale = f16_to_float(grouped.scales[i / static_cast<size_t>(group)]);
          // The scale itself is rounded, by one part in 2048 or, where it is small, by 2^-25: a group's largest weight
          // feels it 127 times.
          EXPECT_NEAR(found[i], values[i], scale * (0.5 + 127.0 / 2048) + 127 * 0x1p-25)
              << bits << " bits, " << columns << " columns";
        }
      }
}

TEST(GroupedIntegers, NibblesAreReadAsTheyWereWritten) {
  std::vector<float> values;
  for (int q = -7; q <= 7; ++q) values.push_back(static_cast<float>(q));
  EXPECT_EQ(back(quantize_in_groups(values, 1, 4, 15, "w")), values);
  const std::byte low_first[] = {std::byte{0x8F}};
  const uint16_t one[] = {float_to_f16(1)};
  EXPECT_THAT(floats_of_groups(low_first, one, 1, 2, 4), testing::ElementsAre(-1, -8));
}

TEST(GroupedIntegers, ZerosAndTinyWeightsAreZero) {
  for (const float value : {0.0f, -0.0f, 1e-40f, 1e-12f})
    for (const float found : back(quantize_in_groups(std::vector<float>(64, value), 2, 4, 32, "w")))
      EXPECT_EQ(found, 0);
}

TEST(GroupedIntegers, TheErrorFallsWithTheGroup) {
  Rng rng(2);
  for (int round = 0; round < 20; ++round) {
    const auto values = normal_floats(rng, 8 * 256, 1);
    double before = INFINITY;
    for (int64_t group = 256; group >= 2; group /= 2) {
      const auto grouped = quantize_in_groups(values, 8, 4, group, "w");
      double bound = 0;
      for (const uint16_t scale : grouped.scales) bound = std::max<double>(bound, f16_to_float(scale));
      EXPECT_LE(bound, before);
      before = bound;
    }
  }
}

TEST(GroupedIntegers, OutliersMakeGroupsSmallAndEvenWeightsDoNot) {
  Rng rng(3);
  const int64_t rows = 16, columns = 1024;
  auto values = normal_floats(rng, rows * columns, 0.02);
  EXPECT_EQ(choose_group(std::vector<float>(static_cast<size_t>(rows * columns), 0.5f), rows, {}), columns);
  EXPECT_EQ(choose_group(values, rows, {.alpha = 0.5}), columns);
  for (int64_t row = 0; row < rows; ++row)
    values[static_cast<size_t>(row * columns) + rng.below(static_cast<uint64_t>(columns))] = 3;
  EXPECT_EQ(choose_group(values, rows, {.alpha = 0.8}), 64);
  EXPECT_EQ(choose_group(values, rows, {.alpha = 0.8, .least_group = 200}), 256);
  const auto error = [&](int64_t group) {
    const auto found = back(quantize_in_groups(values, rows, 4, group, "w"));
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += std::pow(found[i] - values[i], 2);
    return sum;
  };
  EXPECT_LT(error(64), 0.2 * error(columns));
  EXPECT_EQ(choose_group({}, 0, {}), 1);
}

TEST(GroupedIntegers, WhatHasNoScaleIsRefused) {
  std::vector<float> values(8, 1);
  for (const float bad : {NAN, INFINITY, 1e7f}) {
    values[3] = bad;
    EXPECT_THAT(error_of([&] { quantize_in_groups(values, 2, 4, 4, "layer 3"); }),
                HasSubstr("layer 3: the value"));
  }
}

}  // namespace
}  // namespace coppice
