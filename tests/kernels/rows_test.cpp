// The kernels on single rows against double precision, on every instruction set that this machine has.

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/isa.h"

namespace coppice::kernels {
namespace {

class Rows : public ::testing::TestWithParam<Isa> {
 protected:
  const Kernels& kernels_ = kernels_for(GetParam());
  Rng rng_{11};
  // Two blocks of the widest loop and a bit, at each of three misalignments.
  int64_t longest() const { return 2 * kernels_.lanes + 3; }
  static constexpr int64_t shifts[] = {0, 1, 3};

  std::vector<float> random(int64_t count, double low = -4, double high = 4) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(rng_.uniform(low, high));
    return values;
  }
};

TEST_P(Rows, RmsNorm) {
  for (int64_t n = 1; n < longest(); ++n)
    for (const int64_t shift : shifts) {
      const auto x = random(n + shift), weight = random(n + shift);
      std::vector<float> y(static_cast<size_t>(n + shift + 1), NAN);
      kernels_.rms_norm(x.data() + shift, weight.data() + shift, n, 1e-5f, y.data() + shift);
      double square = 0;
      for (int64_t i = 0; i < n; ++i) square += std::pow(x[static_cast<size_t>(shift + i)], 2.0);
      const double scale = 1 / std::sqrt(square / static_cast<double>(n) + 1e-5);
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(shift + i);
        const double want = static_cast<double>(x[at]) * scale * static_cast<double>(weight[at]);
        ASSERT_NEAR(y[at], want, std::abs(want) * static_cast<double>(n + 8) * 0x1p-24);
      }
      EXPECT_TRUE(std::isnan(y.back()));
    }
}

TEST_P(Rows, LayerNorm) {
  for (const double centre : {0.0, 300.0})
    for (int64_t n = 1; n < longest(); ++n)
      for (const int64_t shift : shifts) {
        const auto x = random(n + shift, centre - 4, centre + 4), weight = random(n + shift),
                   bias = random(n + shift);
        std::vector<float> y(static_cast<size_t>(n + shift + 1), NAN);
        kernels_.layer_norm(x.data() + shift, weight.data() + shift, bias.data() + shift, n, 1e-5f,
                            y.data() + shift);
        const std::vector<double> row(x.begin() + shift, x.end());
        double mean = 0, variance = 0;
        for (const double v : row) mean += v / static_cast<double>(n);
        for (const double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(n);
        // The mean's own rounding is the largest error, more so the further from 0 the values lie.
        const double scale = 1 / std::sqrt(variance + 1e-5);
        const double error = static_cast<double>(n + 8) * 0x1p-24 * (std::abs(mean) + 4) * scale * 8 + 1e-5;
        for (int64_t i = 0; i < n; ++i) {
          const auto at = static_cast<size_t>(shift + i);
          const double want = (row[static_cast<size_t>(i)] - mean) * scale * static_cast<double>(weight[at]) +
                              static_cast<double>(bias[at]);
          ASSERT_NEAR(y[at], want, error) << n << " " << shift;
        }
        EXPECT_TRUE(std::isnan(y.back()));
      }
}

TEST_P(Rows, Rope) {
  for (int64_t half = 1; half < longest(); ++half) {
    const auto x = random(2 * half), angle = random(half);
    std::vector<float> c, s, y = x;
    for (const float a : angle) {
      c.push_back(std::cos(a));
      s.push_back(std::sin(a));
    }
    y.push_back(NAN);
    kernels_.rope(y.data(), c.data(), s.data(), half);
    for (size_t i = 0; i < static_cast<size_t>(half); ++i) {
      const double a = x[i], b = x[i + static_cast<size_t>(half)];
      ASSERT_NEAR(y[i], a * c[i] - b * s[i], 8 * 4 * 0x1p-24);
      ASSERT_NEAR(y[i + static_cast<size_t>(half)], b * c[i] + a * s[i], 8 * 4 * 0x1p-24);
    }
    EXPECT_TRUE(std::isnan(y.back()));
  }
}

TEST_P(Rows, SoftmaxAndLogSumExp) {
  for (int64_t n = 1; n < longest(); ++n)
    for (const int64_t shift : shifts) {
      auto x = random(n + shift + 1, -30, 30);
      x.back() = NAN;
      double highest = -INFINITY, total = 0;
      for (int64_t i = 0; i < n; ++i) highest = std::max<double>(highest, x[static_cast<size_t>(shift + i)]);
      std::vector<double> want;
      for (int64_t i = 0; i < n; ++i)
        total += want.emplace_back(std::exp(x[static_cast<size_t>(shift + i)] - highest));
      EXPECT_NEAR(kernels_.log_sum_exp(x.data() + shift, n), highest + std::log(total),
                  1e-6 * (1 + std::abs(highest)));
      const auto before = x;
      kernels_.softmax(x.data() + shift, n);
      for (int64_t i = 0; i < n; ++i) {
        const double exact = want[static_cast<size_t>(i)] / total;
        const double distance = highest - before[static_cast<size_t>(shift + i)];
        const double bound = exact * (static_cast<double>(n + 8) + distance) * 0x1p-23;
        ASSERT_NEAR(x[static_cast<size_t>(shift + i)], exact, bound + 1e-37);
      }
      EXPECT_TRUE(std::isnan(x.back()));
    }
}

TEST_P(Rows, SoftmaxOfExtremes) {
  std::vector<float> x(static_cast<size_t>(longest()), -INFINITY);
  x[2] = 3e38f;
  kernels_.softmax(x.data(), longest());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], i == 2 ? 1.0f : 0.0f);
  std::vector<float> poisoned(static_cast<size_t>(longest()), 1);
  poisoned[1] = NAN;
  kernels_.softmax(poisoned.data(), longest());
  EXPECT_TRUE(std::isnan(poisoned[1]));
}

constexpr Unit every_unit[] = {Unit::silu, Unit::gelu, Unit::gelu_tanh, Unit::relu, Unit::tanh};

double unit(Unit kind, double x) {
  switch (kind) {
    case Unit::silu:
      return x / (1 + std::exp(-x));
    case Unit::gelu:
      return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case Unit::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Unit::relu:
      return std::max(0.0, x);
    case Unit::tanh:
      return std::tanh(x);
  }
  return NAN;
}

TEST_P(Rows, Activations) {
  std::vector<float> grid;
  for (double x = -120; x < 120; x += 0.0173) grid.push_back(static_cast<float>(x));
  for (const Unit kind : every_unit) {
    auto y = grid;
    kernels_.activate(kind, y.data(), nullptr, static_cast<int64_t>(y.size()));
    for (size_t i = 0; i < grid.size(); ++i) {
      const double want = unit(kind, grid[i]);
      // The erf of gelu has an absolute error; the one of gelu_tanh cancels in double for negative x.
      const double bound =
          kind == Unit::gelu || kind == Unit::gelu_tanh
              ? 1e-6 * std::abs(want) + 3e-7 * std::min(1.0, std::abs(static_cast<double>(grid[i])))
              : 1e-6 * std::abs(want) + 3e-37;
      ASSERT_NEAR(y[i], want, bound) << "x = " << grid[i] << ", unit " << static_cast<int>(kind);
    }
  }
}

TEST_P(Rows, ActivationsTimesUp) {
  for (int64_t n = 1; n < longest(); ++n)
    for (const int64_t shift : shifts) {
      const auto x = random(n + shift), up = random(n + shift);
      for (const Unit kind : every_unit) {
        auto y = x;
        y.push_back(NAN);
        kernels_.activate(kind, y.data() + shift, up.data() + shift, n);
        for (int64_t i = 0; i < n; ++i) {
          const auto at = static_cast<size_t>(shift + i);
          ASSERT_NEAR(y[at], unit(kind, x[at]) * up[at], 8e-6);
        }
        EXPECT_TRUE(std::isnan(y.back()));
      }
    }
}

TEST_P(Rows, AddAndWiden) {
  for (int64_t n = 1; n < longest(); ++n) {
    const auto x = random(n), before = random(n);
    auto y = before;
    y.push_back(NAN);
    kernels_.add(y.data(), x.data(), 0.75f, n);
    for (size_t i = 0; i < static_cast<size_t>(n); ++i)
      ASSERT_NEAR(y[i], before[i] + 0.75 * x[i], 8 * 0x1p-23);
    EXPECT_TRUE(std::isnan(y.back()));
    std::vector<uint16_t> half;
    for (int64_t i = 0; i < n; ++i) half.push_back(static_cast<uint16_t>(0x3F80 + i));
    kernels_.widen(half.data(), y.data(), n);
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[static_cast<size_t>(i)], 1.0f + static_cast<float>(i) / 128);
    EXPECT_TRUE(std::isnan(y.back()));
  }
}

TEST(Isa, UnknownNamesAreErrors) {
  EXPECT_THROW(parse_enum<Isa>("sse9", "COPPICE_ISA"), Error);
  EXPECT_EQ(supported_isas().front(), Isa::baseline);
  for (const auto& [isa, name] : EnumNames<Isa>::values) {
    if (is_supported(isa))
      EXPECT_TRUE(std::string(name).starts_with(kernels_for(isa).name));  // avx512_vnni has avx512's
    else
      EXPECT_THROW(kernels_for(isa), Error);
  }
}

std::string isa_name(const ::testing::TestParamInfo<Isa>& info) {
  return to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Isas, Rows, ::testing::ValuesIn(supported_isas()), isa_name);

}  // namespace
}  // namespace coppice::kernels
