// Panels without zeros, and products of chosen columns: against double precision, and against plain panels of the same
// weights, on every instruction set that this machine has. Panels are written here from the layouts in packed_kernels.h, so
// that the test does not share a mistake with the code that packs files.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/packed_isa.h"

namespace coppice::kernels {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();

enum class Number { f32, f16, bf16 };
struct Types {
  Number number;
  PackedType plain, two_of_four, condensed;
};
constexpr Types all_types[] = {
    {Number::f32, PackedType::f32, PackedType::f32_2_of_4, PackedType::f32_condensed},
    {Number::f16, PackedType::f16, PackedType::f16_2_of_4, PackedType::f16_condensed},
    {Number::bf16, PackedType::bf16, PackedType::bf16_2_of_4, PackedType::bf16_condensed}};

// 32 rows of weights, which every type holds as they are.
struct Weights {
  int64_t columns = 0;
  std::vector<float> values;  // [column][row]

  explicit Weights(int64_t count) : columns(count), values(static_cast<size_t>(count * 32)) {}
  float& at(int64_t k, int64_t r) { return values[static_cast<size_t>(k * 32 + r)]; }
  float at(int64_t k, int64_t r) const { return values[static_cast<size_t>(k * 32 + r)]; }
};

// 1 to 2 in steps of 1/64, times 2^-4 to 2^3, of either sign.
float random_number(Rng& rng) {
  const float magnitude =
      std::ldexp(1 + static_cast<float>(rng.below(64)) / 64, static_cast<int>(rng.below(8)) - 4);
  return rng.below(2) == 0 ? magnitude : -magnitude;
}

using Bytes = std::vector<uint8_t>;

// For numbers that need no rounding.
uint16_t half_of(Number number, float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (number == Number::bf16) return static_cast<uint16_t>(bits >> 16);
  const uint32_t exponent = bits >> 23 & 255, mantissa = bits >> 13 & 1023;
  const uint32_t half = exponent == 0 ? 0 : exponent == 255 ? 31 : exponent - 112;
  return static_cast<uint16_t>(bits >> 31 << 15 | half << 10 | mantissa);
}

void put(Bytes& bytes, int64_t at, Number number, float value) {
  ASSERT_LE(at + (number == Number::f32 ? 4 : 2), static_cast<int64_t>(bytes.size()));
  const uint16_t half = half_of(number, value);
  if (number == Number::f32)
    std::memcpy(bytes.data() + at, &value, 4);
  else
    std::memcpy(bytes.data() + at, &half, 2);
}

Bytes plain_panel(const Types& types, const Weights& w, bool apart = false) {
  Bytes bytes(static_cast<size_t>(panel_bytes(types.plain, w.columns)));
  for (int64_t k = 0; k < w.columns; ++k)
    for (int64_t r = 0; r < 32; ++r) switch (types.number) {
        case Number::f32:
          put(bytes, k * 128 + 4 * r, types.number, w.at(k, r));
          break;
        case Number::f16:
          put(bytes, k * 64 + 2 * r, types.number, w.at(k, r));
          break;
        case Number::bf16:
          put(bytes, apart ? k * 64 + 2 * r : k / 2 * 128 + 4 * r + 2 - k % 2 * 2, types.number, w.at(k, r));
          break;
      }
  return bytes;
}

Bytes two_of_four_panel(const Types& types, const Weights& w) {
  Bytes bytes(static_cast<size_t>(panel_bytes(types.two_of_four, w.columns)));
  const int64_t size = types.number == Number::f32 ? 4 : 2, quad_bytes = 64 * size;
  for (int64_t quad = 0; 4 * quad < (w.columns + 31) / 32 * 32; ++quad)
    for (int64_t r = 0; r < 32; ++r) {
      std::vector<int64_t> places;
      for (int64_t k = 0; k < 4; ++k)
        if (4 * quad + k < w.columns && w.at(4 * quad + k, r) != 0) places.push_back(k);
      EXPECT_LE(places.size(), 2u);
      for (int64_t k = 3; places.size() < 2; --k)
        if (std::find(places.begin(), places.end(), k) == places.end()) places.push_back(k);
      std::sort(places.begin(), places.end());
      const int64_t group = quad / 8 * panel_group_bytes(types.two_of_four),
                    at = group + quad % 8 * quad_bytes;
      for (int64_t i = 0; i < 2; ++i) {
        const int64_t k = 4 * quad + places[static_cast<size_t>(i)];
        const int64_t offset = types.number == Number::bf16 ? 4 * r + 2 - 2 * i : (32 * i + r) * size;
        put(bytes, at + offset, types.number, k < w.columns ? w.at(k, r) : 0);
        bytes[static_cast<size_t>(group + 8 * quad_bytes + 4 * r + quad % 8 / 2)] |=
            static_cast<uint8_t>(places[static_cast<size_t>(i)] << (quad % 2 * 4 + 2 * i));
      }
    }
  return bytes;
}

Bytes condensed_panel(const Types& types, const Weights& w, int64_t fan_in) {
  Bytes bytes(static_cast<size_t>(panel_bytes(types.condensed, fan_in)));
  const int64_t size = types.number == Number::f32 ? 4 : 2, step = 32 * (size + 2);
  for (int64_t r = 0; r < 32; ++r) {
    int64_t j = 0;
    for (int64_t k = 0; k < w.columns; ++k) {
      if (w.at(k, r) == 0) continue;
      put(bytes, j * step + size * r, types.number, w.at(k, r));
      const auto column = static_cast<uint16_t>(k);
      std::memcpy(bytes.data() + j * step + 32 * size + 2 * r, &column, 2);
      ++j;
    }
  }
  return bytes;
}

class SparsePanels : public ::testing::TestWithParam<Isa> {
 protected:
  const PackedKernels& kernels_ = packed_kernels_for(GetParam());
  Rng rng_{12};

  // Numbers that bf16 holds, so that all forms of activations are equal; token after token.
  std::vector<float> activations(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = random_number(rng_);
    return values;
  }

  Weights two_of_four(int64_t columns) {
    Weights w(columns);
    for (int64_t quad = 0; quad < columns; quad += 4)
      for (int64_t r = 0; r < 32; ++r)
        for (uint64_t left = rng_.below(3); left > 0; --left)
          if (const auto k = quad + static_cast<int64_t>(rng_.below(4)); k < columns)
            w.at(k, r) = random_number(rng_);
    return w;
  }

  // At most `fan_in` in each row, and as many in the first.
  Weights condensed(int64_t columns, int64_t fan_in) {
    Weights w(columns);
    for (int64_t r = 0; r < 32; ++r) {
      int64_t left = r == 0 ? fan_in : static_cast<int64_t>(rng_.below(static_cast<uint64_t>(fan_in + 1)));
      for (; left > 0; --left) {
        auto k = static_cast<int64_t>(rng_.below(static_cast<uint64_t>(columns)));
        while (w.at(k, r) != 0) k = (k + 1) % columns;
        w.at(k, r) = random_number(rng_);
      }
    }
    return w;
  }

  Bytes tile(PackedType type, const std::vector<float>& x, int64_t columns) {
    const auto n = static_cast<int64_t>(x.size()) / columns;
    std::vector<const float*> rows;
    for (int64_t t = 0; t < n; ++t) rows.push_back(x.data() + t * columns);
    const RowsType rows_type = rows_for(kernels_, type);
    Bytes bytes(static_cast<size_t>((columns + 31) / 32 * n * tile_group_bytes(rows_type) + columns_slack),
                0xFF);
    kernels_.pack_rows(rows_type, rows.data(), n, columns, bytes.data());
    return bytes;
  }

  // `offset` moves panel, tile and output away from where vectors would like them.
  std::vector<float> product(PackedType type, const Bytes& panel, int64_t groups, const std::vector<float>& x,
                             int64_t columns, int64_t offset = 0) {
    const auto n = static_cast<int64_t>(x.size()) / columns;
    Bytes moved(panel.size() + static_cast<size_t>(offset)), tiles = tile(type, x, columns);
    std::copy(panel.begin(), panel.end(), moved.begin() + offset);
    tiles.insert(tiles.begin(), static_cast<size_t>(offset), uint8_t{0});
    std::vector<float> out(static_cast<size_t>(32 * n + offset / 4 + 1), -7.0f);
    kernels_.product(type, moved.data() + offset, groups, tiles.data() + offset, n, out.data() + offset / 4,
                     nullptr);
    EXPECT_EQ(out.back(), -7.0f) << "wrote behind the end";
    return {out.begin() + offset / 4, out.end() - 1};
  }

  // Within `weights_of_row` units of 2^-24 of the sum of the magnitudes of the terms.
  void expect_near(const Weights& w, const std::vector<float>& x, int64_t weights_of_row,
                   const std::vector<float>& got) {
    const auto n = static_cast<int64_t>(x.size()) / w.columns;
    for (int64_t t = 0; t < n; ++t)
      for (int64_t r = 0; r < 32; ++r) {
        double sum = 0, magnitude = 0;
        for (int64_t k = 0; k < w.columns; ++k) {
          const double term = static_cast<double>(w.at(k, r)) * x[static_cast<size_t>(t * w.columns + k)];
          sum += term;
          magnitude += std::abs(term);
        }
        ASSERT_NEAR(got[static_cast<size_t>(t * 32 + r)], sum,
                    static_cast<double>(weights_of_row) * 0x1p-24 * magnitude)
            << "token " << t << " row " << r << " of " << w.columns << " columns";
      }
  }
};

TEST_P(SparsePanels, TwoOfFourGiveWhatPlainPanelsGive) {
  for (const Types& types : all_types)
    for (int64_t columns = 1; columns <= 70; ++columns) {
      const Weights w = two_of_four(columns);
      const int64_t groups = packed_groups(types.plain, columns);
      for (int64_t n = 1; n <= kernels_.tile_tokens; ++n) {
        const auto x = activations(n * columns);
        const auto got =
            product(types.two_of_four, two_of_four_panel(types, w), groups, x, columns, 4 * (columns % 3));
        ASSERT_EQ(got, product(types.plain, plain_panel(types, w), groups, x, columns))
            << columns << ' ' << n;
        expect_near(w, x, columns + 40, got);
      }
    }
}

TEST_P(SparsePanels, CondensedMatchDoublePrecisionWhateverTheCompany) {
  for (const Types& types : all_types)
    for (const int64_t columns : {1, 2, 31, 33, 257})
      for (const int64_t fan_in : {int64_t{1}, columns / 2, columns}) {
        if (fan_in == 0) continue;
        const Weights w = condensed(columns, fan_in);
        const Bytes panel = condensed_panel(types, w, fan_in);
        for (int64_t n = 1; n <= kernels_.tile_tokens; ++n) {
          const auto x = activations(n * columns);
          const auto got = product(types.condensed, panel, fan_in, x, columns, 4 * (n % 3));
          expect_near(w, x, fan_in + 1, got);
          for (int64_t t = 0; t < n; ++t) {
            const auto begin = x.begin() + t * columns;
            ASSERT_EQ(product(types.condensed, panel, fan_in, {begin, begin + columns}, columns),
                      std::vector<float>(got.begin() + 32 * t, got.begin() + 32 * (t + 1)));
          }
        }
      }
}

TEST_P(SparsePanels, CondensedReachTheLastColumnThatTheyCanName) {
  Weights w(most_condensed_columns);
  for (int64_t r = 0; r < 32; ++r) w.at(most_condensed_columns - 1 - r, r) = 1;
  std::vector<float> x(static_cast<size_t>(most_condensed_columns));
  for (size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k);
  const auto got =
      product(PackedType::f32_condensed, condensed_panel(all_types[0], w, 1), 1, x, most_condensed_columns);
  for (int64_t r = 0; r < 32; ++r) EXPECT_EQ(got[static_cast<size_t>(r)], static_cast<float>(65535 - r));
}

TEST_P(SparsePanels, ChosenColumnsGiveWhatAllColumnsGive) {
  for (const Types& types : all_types) {
    const bool apart = types.number == Number::bf16;
    const PackedType type = apart ? PackedType::bf16_apart : types.plain;
    for (int64_t columns = 1; columns <= 70; ++columns)
      for (const uint64_t one_in : {uint64_t{1}, uint64_t{2}, uint64_t{9}, uint64_t{100}})
        for (int64_t n = 1; n <= kernels_.tile_tokens; ++n) {
          Weights w(columns);
          for (float& value : w.values) value = random_number(rng_);
          auto x = activations(n * columns);
          std::vector<int32_t> chosen;
          for (int64_t k = 0; k < columns; ++k) {
            if (rng_.below(one_in) == 0) {
              chosen.push_back(static_cast<int32_t>(k));
              if (n > 1) x[static_cast<size_t>(k)] = 0;  // for one token, not for all
              continue;
            }
            for (int64_t t = 0; t < n; ++t)
              x[static_cast<size_t>(t * columns + k)] = t % 2 == 0 ? 0.0f : -0.0f;
          }
          const Bytes panel = plain_panel(types, w, apart);
          const auto want = product(type, panel, packed_groups(type, columns), x, columns);
          std::vector<float> got(want.size());
          kernels_.product_of_columns(type, panel.data(), chosen.data(), static_cast<int64_t>(chosen.size()),
                                      tile(type, x, columns).data(), n, got.data());
          ASSERT_EQ(got, want) << columns << ' ' << one_in << ' ' << n;
        }
  }
}

TEST_P(SparsePanels, ColumnsThatAreNotChosenAreNotRead) {
  for (const Types& types : all_types) {
    const bool apart = types.number == Number::bf16;
    const PackedType type = apart ? PackedType::bf16_apart : types.plain;
    Weights w(64);
    for (float& value : w.values) value = nan;
    std::vector<float> x(64);
    const std::vector<int32_t> chosen = {3, 6, 7, 40};
    for (const int32_t k : chosen) {
      x[static_cast<size_t>(k)] = 1;
      for (int64_t r = 0; r < 32; ++r) w.at(k, r) = static_cast<float>(r);
    }
    std::vector<float> got(32);
    kernels_.product_of_columns(type, plain_panel(types, w, apart).data(), chosen.data(), 4,
                                tile(type, x, 64).data(), 1, got.data());
    for (int64_t r = 0; r < 32; ++r) EXPECT_EQ(got[static_cast<size_t>(r)], static_cast<float>(4 * r));
  }
}

TEST_P(SparsePanels, WeightsThatAreNotFiniteStayVisibleInTheirRows) {
  for (const Types& types : all_types)
    for (const float odd : {nan, inf, -inf}) {
      Weights w = two_of_four(40);
      for (int64_t k = 8; k < 12; ++k) w.at(k, 5) = 0;
      w.at(9, 5) = odd;
      const std::vector<float> x(40, 1.0f);
      for (const bool condensed : {false, true}) {
        const auto got = condensed ? product(types.condensed, condensed_panel(types, w, 20), 20, x, 40)
                                   : product(types.two_of_four, two_of_four_panel(types, w), 2, x, 40);
        for (int64_t r = 0; r < 32; ++r)
          EXPECT_EQ(std::isfinite(got[static_cast<size_t>(r)]), r != 5) << r << ' ' << condensed;
      }
    }
}

TEST_P(SparsePanels, ActivationsThatAreNotFiniteReachTheRowsThatReadThem) {
  for (const Types& types : all_types) {
    Weights w(8);
    for (int64_t r = 0; r < 32; ++r) w.at(r < 16 ? 2 : 5, r) = w.at(1, r) = 1;
    std::vector<float> x(8, 1.0f);
    x[5] = nan;
    const auto condensed = product(types.condensed, condensed_panel(types, w, 2), 2, x, 8);
    for (int64_t r = 16; r < 32; ++r) EXPECT_TRUE(std::isnan(condensed[static_cast<size_t>(r)]));
    for (int64_t r = 0; r < 16; ++r) EXPECT_EQ(condensed[static_cast<size_t>(r)], 2);
    const auto two_of_four = product(types.two_of_four, two_of_four_panel(types, w), 1, x, 8);
    for (int64_t r = 16; r < 32; ++r) EXPECT_TRUE(std::isnan(two_of_four[static_cast<size_t>(r)]));
  }
}

std::string isa_name(const ::testing::TestParamInfo<Isa>& info) {
  return to_string(info.param);
}
INSTANTIATE_TEST_SUITE_P(Isas, SparsePanels, ::testing::ValuesIn(supported_isas()), isa_name);

}  // namespace
}  // namespace coppice::kernels
