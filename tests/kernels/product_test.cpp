// Products against double precision, on every instruction set that this machine has: all lengths below
// several vectors, every misalignment, and the promise that a tile's company does not change a bit.

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/isa.h"

namespace coppice::kernels {
namespace {

class EveryIsa : public ::testing::TestWithParam<Isa> {
 protected:
  const Kernels& kernels_ = kernels_for(GetParam());
  Rng rng_{7};

  std::vector<float> random(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(rng_.normal());
    return values;
  }
};

uint16_t truncated(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}
float widened(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

struct Shape {
  int64_t tokens, rows, in;
  int64_t shift = 0;  // floats by which operands are misaligned
  bool gathered = false;
};

// The sum in double and the sum of magnitudes, from which the error bound follows.
struct Exact {
  double sum = 0, magnitude = 0;
  void add(double a, double b) {
    sum += a * b;
    magnitude += std::abs(a * b);
  }
  // Each of n terms passes at most n / lanes + 8 roundings; n + 8 is safe for every instruction set.
  double bound(int64_t n) const { return static_cast<double>(n + 8) * 0x1p-24 * magnitude; }
};

class Product : public EveryIsa {};

void check_product(const Kernels& kernels, const Shape& s, Element element,
                   const std::vector<float>& x_values, const std::vector<float>& w_values) {
  std::vector<float> x(x_values.size() + 16), y(static_cast<size_t>(s.tokens * s.rows + 16), NAN);
  std::copy(x_values.begin(), x_values.end(), x.begin() + s.shift);
  std::vector<float> w(w_values.size() + 16);
  std::vector<uint16_t> half(w_values.size() + 16);
  std::copy(w_values.begin(), w_values.end(), w.begin() + s.shift);
  for (size_t i = 0; i < w_values.size(); ++i)
    half[i + static_cast<size_t>(s.shift)] = truncated(w_values[i]);
  std::vector<int32_t> w_rows, x_rows;
  for (int64_t r = 0; r < s.rows; ++r) w_rows.push_back(static_cast<int32_t>((r * 7 + 3) % s.rows));
  for (int64_t t = 0; t < s.tokens; ++t) x_rows.push_back(static_cast<int32_t>(s.tokens - 1 - t));
  const bool bf16 = element == Element::bf16;
  kernels.product({.x = x.data() + s.shift,
                   .x_stride = s.in,
                   .x_rows = s.gathered ? x_rows.data() : nullptr,
                   .tokens = s.tokens,
                   .w = bf16 ? static_cast<const void*>(half.data() + s.shift) : w.data() + s.shift,
                   .element = element,
                   .w_rows = s.gathered ? w_rows.data() : nullptr,
                   .rows = s.rows,
                   .in = s.in,
                   .y = y.data() + s.shift,
                   .y_stride = s.rows});
  for (int64_t t = 0; t < s.tokens; ++t)
    for (int64_t r = 0; r < s.rows; ++r) {
      const int64_t from_t = s.gathered ? x_rows[static_cast<size_t>(t)] : t;
      const int64_t from_r = s.gathered ? w_rows[static_cast<size_t>(r)] : r;
      Exact exact;
      for (int64_t k = 0; k < s.in; ++k) {
        const float weight = w_values[static_cast<size_t>(from_r * s.in + k)];
        exact.add(x_values[static_cast<size_t>(from_t * s.in + k)],
                  bf16 ? widened(truncated(weight)) : weight);
      }
      ASSERT_NEAR(y[static_cast<size_t>(s.shift + t * s.rows + r)], exact.sum, exact.bound(s.in))
          << "tokens " << s.tokens << " rows " << s.rows << " in " << s.in << " shift " << s.shift
          << " token " << t << " row " << r;
    }
  EXPECT_TRUE(std::isnan(y[static_cast<size_t>(s.shift + s.tokens * s.rows)])) << "wrote behind the end";
}

TEST_P(Product, EveryLengthAndMisalignment) {
  for (int64_t in = 1; in < 4 * kernels_.lanes + 3; ++in)
    for (const int64_t shift : {0, 1, 3}) {
      const auto x = random(5 * in), w = random(6 * in);
      for (const Element element : {Element::f32, Element::bf16})
        check_product(kernels_, {5, 6, in, shift}, element, x, w);
    }
}

TEST_P(Product, EveryTileAndGather) {
  const int64_t in = 37;
  const auto x = random(60 * in), w = random(70 * in);
  for (const int64_t tokens : {1, 2, 3, 4, 5, 7, 25, 51})
    for (const int64_t rows : {1, 2, 3, 4, 7, 65})
      for (const bool gathered : {false, true})
        for (const Element element : {Element::f32, Element::bf16})
          check_product(kernels_, {tokens, rows, in, 0, gathered}, element, x, w);
}

TEST_P(Product, CompanyChangesNoBit) {
  const int64_t in = 3 * kernels_.lanes + 5, rows = 9, tokens = 29;
  const auto x = random(tokens * in), w = random(rows * in);
  std::vector<float> together(static_cast<size_t>(tokens * rows));
  ProductArguments all{.x = x.data(),
                       .x_stride = in,
                       .tokens = tokens,
                       .w = w.data(),
                       .rows = rows,
                       .in = in,
                       .y = together.data(),
                       .y_stride = rows};
  kernels_.product(all);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t r = 0; r < rows; ++r) {
      float alone = 0;
      kernels_.product({.x = x.data() + t * in,
                        .x_stride = in,
                        .tokens = 1,
                        .w = w.data() + r * in,
                        .rows = 1,
                        .in = in,
                        .y = &alone,
                        .y_stride = 1});
      ASSERT_EQ(alone, together[static_cast<size_t>(t * rows + r)]) << t << ' ' << r;
    }
}

class Combine : public EveryIsa {};

TEST_P(Combine, MatchesDoublePrecisionWhateverTheCompany) {
  for (const int64_t columns : {int64_t{1}, int64_t{kernels_.lanes - 1}, int64_t{kernels_.lanes},
                                int64_t{2 * kernels_.lanes + 1}, int64_t{5 * kernels_.lanes + 3}})
    for (const int64_t neurons : {0, 1, 2, 5, 12})
      for (const int64_t tokens : {1, 2, 3, 4, 5, 9})
        for (const bool bf16 : {false, true})
          for (const bool gathered : {false, true}) {
            const int64_t stride = columns + 2, bank = neurons + 4;
            const auto h = random(tokens * neurons), w = random(bank * stride);
            std::vector<uint16_t> half;
            for (const float value : w) half.push_back(truncated(value));
            std::vector<int32_t> rows;
            for (int64_t n = 0; n < neurons; ++n) rows.push_back(static_cast<int32_t>(bank - 1 - n));
            const auto run = [&](int64_t first, int64_t count, float* y) {
              kernels_.combine({.h = h.data() + first * neurons,
                                .h_stride = neurons,
                                .tokens = count,
                                .w = bf16 ? static_cast<const void*>(half.data() + 1) : w.data() + 1,
                                .element = bf16 ? Element::bf16 : Element::f32,
                                .w_stride = stride,
                                .w_rows = gathered ? rows.data() : nullptr,
                                .neurons = neurons,
                                .columns = columns,
                                .y = y,
                                .y_stride = columns});
            };
            std::vector<float> together(static_cast<size_t>(tokens * columns + 1), NAN),
                alone(static_cast<size_t>(columns));
            run(0, tokens, together.data());
            ASSERT_TRUE(std::isnan(together.back()));
            for (int64_t t = 0; t < tokens; ++t) {
              run(t, 1, alone.data());
              for (int64_t c = 0; c < columns; ++c) {
                Exact exact;
                for (int64_t n = 0; n < neurons; ++n) {
                  const float weight =
                      w[static_cast<size_t>((gathered ? rows[static_cast<size_t>(n)] : n) * stride + 1 + c)];
                  exact.add(h[static_cast<size_t>(t * neurons + n)],
                            bf16 ? widened(truncated(weight)) : weight);
                }
                const float got = together[static_cast<size_t>(t * columns + c)];
                ASSERT_NEAR(got, exact.sum, exact.bound(neurons));
                ASSERT_EQ(got, alone[static_cast<size_t>(c)]);
              }
            }
          }
}

std::string isa_name(const ::testing::TestParamInfo<Isa>& info) {
  return to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Isas, Product, ::testing::ValuesIn(supported_isas()), isa_name);
INSTANTIATE_TEST_SUITE_P(Isas, Combine, ::testing::ValuesIn(supported_isas()), isa_name);

}  // namespace
}  // namespace coppice::kernels
