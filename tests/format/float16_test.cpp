#include "format/float16.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace coppice {
namespace {

// The value of 16 bits with `exponent_bits` of exponent, from the definition of the format.
double value_by_definition(uint16_t bits, int exponent_bits) {
  const int fraction_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(1 + std::ldexp(fraction, -fraction_bits), exponent - bias);
}

struct Format {
  const char* name;
  int exponent_bits;
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
};

class Float16 : public testing::TestWithParam<Format> {
 protected:
  // All finite values of non-negative sign, ascending; index = bits. The one behind them stands for infinity,
  // where the next finite value would be if the exponent had room.
  std::vector<double> ladder() const {
    std::vector<double> values;
    for (uint32_t bits = 0; bits < 0x8000; ++bits) {
      const double value = value_by_definition(static_cast<uint16_t>(bits), GetParam().exponent_bits);
      if (!std::isfinite(value)) break;
      values.push_back(value);
    }
    values.push_back(2 * values.back() - values[values.size() - 2]);
    return values;
  }

  // Nearest rung, ties to the even one.
  static uint16_t nearest(const std::vector<double>& rungs, float value) {
    const double magnitude = std::abs(static_cast<double>(value));
    const auto above = std::lower_bound(rungs.begin(), rungs.end(), magnitude);
    auto index = static_cast<size_t>(above - rungs.begin());
    if (above == rungs.end())
      index = rungs.size() - 1;
    else if (index > 0) {
      const double up = rungs[index] - magnitude, down = magnitude - rungs[index - 1];
      if (down < up || (down == up && index % 2 == 1)) --index;
    }
    return static_cast<uint16_t>(index | (std::signbit(value) ? 0x8000u : 0u));
  }
};

TEST_P(Float16, EveryBitPatternHasTheValueOfItsDefinition) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const double expected = value_by_definition(half, GetParam().exponent_bits);
    const float value = GetParam().widen(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(std::isnan(GetParam().widen(GetParam().narrow(value)))) << bits;
      continue;
    }
    EXPECT_EQ(value, expected) << bits;
    EXPECT_EQ(std::signbit(value), (bits & 0x8000) != 0) << bits;
    EXPECT_EQ(GetParam().narrow(value), half) << bits;
  }
}

TEST_P(Float16, RoundsToNearestWithTiesToEven) {
  const auto rungs = ladder();
  auto expect_right = [&](float value) {
    ASSERT_EQ(GetParam().narrow(value), nearest(rungs, value)) << GetParam().name << " of " << value;
    ASSERT_EQ(GetParam().narrow(-value), nearest(rungs, -value)) << GetParam().name << " of " << -value;
  };
  // Between all neighbours: the middle, where floats reach it, and the floats beside it.
  for (size_t i = 0; i + 1 < rungs.size(); ++i) {
    const auto middle = static_cast<float>((rungs[i] + rungs[i + 1]) / 2);
    expect_right(middle);
    expect_right(std::nextafter(middle, 0.0f));
    expect_right(std::nextafter(middle, INFINITY));
  }
  Rng rng(7);
  for (int i = 0; i < 200000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(rng.next()));
    if (!std::isnan(value)) expect_right(std::abs(value));
  }
  expect_right(std::numeric_limits<float>::infinity());
  expect_right(std::numeric_limits<float>::denorm_min());
}

INSTANTIATE_TEST_SUITE_P(Formats, Float16,
                         testing::Values(Format{"f16", 5, f16_to_float, float_to_f16},
                                         Format{"bf16", 8, bf16_to_float, float_to_bf16}),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace coppice
