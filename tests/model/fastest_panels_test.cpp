// Zeros are found where they are, and panels without them hold the same matrices.

#include "model/fastest_panels.h"

#include <bit>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace coppice {
namespace {

using kernels::PackedType;

// A matrix of plain numbers, with the bits that a type gives them.
struct Numbers {
  GgmlType type;
  PackedType plain, two_of_four, condensed;
};
constexpr Numbers all_numbers[] = {
    {GgmlType::f32, PackedType::f32, PackedType::f32_2_of_4, PackedType::f32_condensed},
    {GgmlType::f16, PackedType::f16, PackedType::f16_2_of_4, PackedType::f16_condensed},
    {GgmlType::bf16, PackedType::bf16, PackedType::bf16_2_of_4, PackedType::bf16_condensed}};

// Random numbers where `keeps` says so, zeros of either sign elsewhere.
template <class Keeps>
std::vector<float> random_sparse(int64_t rows, int64_t columns, Rng& rng, const Keeps& keeps) {
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < columns; ++k) {
      const float number = 1 + static_cast<float>(rng.below(64)) / 64;  // which every type holds
      values[static_cast<size_t>(r * columns + k)] = keeps(r, k) ? number : rng.below(2) == 0 ? 0.0f : -0.0f;
    }
  return values;
}

void expect_kept(const PanelShape& shape, const StoredRows& source, const std::vector<float>& values) {
  std::vector<std::byte> panels(static_cast<size_t>(packed_bytes(shape.type, source.rows, shape.inputs)),
                                std::byte{0xFF});
  pack_matrix(shape, source, panels.data());
  std::vector<float> row(static_cast<size_t>(source.columns));
  for (int64_t r = 0; r < source.rows; ++r) {
    unpack_row(shape, panels.data(), source.columns, r, row.data());
    for (int64_t k = 0; k < source.columns; ++k)
      ASSERT_EQ(row[static_cast<size_t>(k)], values[static_cast<size_t>(r * source.columns + k)])
          << r << ' ' << k;
  }
}

TEST(FastestPanels, TwoOfFourAreFoundAndKept) {
  Rng rng(6);
  for (const Numbers& numbers : all_numbers)
    for (const int64_t columns : {5, 32, 45, 64, 131}) {
      const int64_t rows = 37;
      // Columns 1 and 2 of even quads, 0 and 3 of odd ones; only one of them in every third row.
      const auto values = random_sparse(rows, columns, rng, [](int64_t r, int64_t k) {
        const bool inner = k % 4 == 1 || k % 4 == 2;
        return inner == ((k / 4 + r) % 2 == 0) && (r % 3 != 0 || k % 2 == 0);
      });
      const auto bytes = quantize(numbers.type, values, "w");
      const StoredRows source{"w", numbers.type, rows, columns, bytes};
      const PanelShape shape = fastest_panels(numbers.plain, source);
      EXPECT_EQ(shape.type, numbers.two_of_four) << columns;
      expect_kept(shape, source, values);
      // One weight more, in the last quad that is whole, of the last row.
      auto denser = values;
      const auto quad = static_cast<size_t>((rows - 1) * columns + columns / 4 * 4 - 4);
      for (size_t k = 0; k < 3; ++k) denser[quad + k] = 1;
      const auto denser_bytes = quantize(numbers.type, denser, "w");
      const StoredRows dense{"w", numbers.type, rows, columns, denser_bytes};
      EXPECT_EQ(fastest_panels(numbers.plain, dense).type, numbers.plain) << columns;
      expect_kept(fastest_panels(numbers.plain, dense), dense, denser);
    }
}

TEST(FastestPanels, CondensedAreFoundAndKept) {
  Rng rng(7);
  const int64_t rows = 70, columns = 640;
  for (const Numbers& numbers : all_numbers)
    for (const int64_t fan_in : {int64_t{1}, int64_t{9}, int64_t{32}}) {
      // Neighbouring columns, so that there are more than two of four; rows 32 and later have fewer, some none.
      const auto values = random_sparse(rows, columns, rng, [&](int64_t r, int64_t k) {
        const int64_t first = r * 7 % (columns - fan_in);
        return k >= first && k < first + (r < 32 ? fan_in : fan_in - r % (fan_in + 1));
      });
      const auto bytes = quantize(numbers.type, values, "w");
      const StoredRows source{"w", numbers.type, rows, columns, bytes};
      const PanelShape shape = fastest_panels(numbers.plain, source);
      EXPECT_EQ(shape.type, numbers.condensed);
      EXPECT_EQ(shape.inputs, fan_in);
      expect_kept(shape, source, values);
    }
}

TEST(FastestPanels, ZerosOnlyStillHaveAPanel) {
  const std::vector<float> values(64 * 3);
  const StoredRows source{"w", GgmlType::f32, 3, 64, std::as_bytes(std::span(values))};
  const PanelShape shape = fastest_panels(PackedType::f32, source);
  EXPECT_EQ(shape.inputs, 1);
  expect_kept(shape, source, values);
}

TEST(FastestPanels, RoundingToAnotherTypeKeepsTheZeros) {
  Rng rng(8);
  const int64_t rows = 33, columns = 64;
  const auto values =
      random_sparse(rows, columns, rng, [](int64_t r, int64_t k) { return (r + k) % 2 == 0; });
  const StoredRows source{"w", GgmlType::f32, rows, columns, std::as_bytes(std::span(values))};
  const PanelShape shape = fastest_panels(PackedType::bf16, source);
  EXPECT_EQ(shape.type, PackedType::bf16_2_of_4);
  expect_kept(shape, source, values);
}

TEST(FastestPanels, NumbersThatAreNotFiniteAreWeights) {
  for (const float odd : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> values(8);
    values[1] = values[2] = values[3] = odd;
    const StoredRows source{"w", GgmlType::f32, 1, 8, std::as_bytes(std::span(values))};
    EXPECT_EQ(fastest_panels(PackedType::f32, source).type, PackedType::f32);
  }
}

TEST(FastestPanels, BlocksStayAsTheyAre) {
  Rng rng(9);
  const std::vector<float> zeros(64 * 4);
  const auto bytes = quantize(GgmlType::q8_0, zeros, "w");
  const StoredRows source{"w", GgmlType::q8_0, 4, 64, bytes};
  EXPECT_EQ(fastest_panels(PackedType::q8_0, source).type, PackedType::q8_0);
  EXPECT_EQ(fastest_panels(PackedType::f32, source).type, PackedType::f32);
}

TEST(FastestPanels, EveryNumberThatIsNotFiniteIsSeen) {
  for (const Numbers& numbers : all_numbers)
    for (const float odd : {1.0f, INFINITY, -INFINITY, NAN}) {
      std::vector<float> values(3 * 37, -2.0f);
      auto bytes = quantize(numbers.type, values, "w");
      const size_t size = bytes.size() / values.size();
      for (const size_t at : {size_t{0}, size_t{50}, values.size() - 1}) {
        auto changed = bytes;
        const auto bits = std::bit_cast<uint32_t>(odd);
        const auto half = static_cast<uint16_t>(std::isfinite(odd) ? 0
                                                : numbers.type == GgmlType::bf16
                                                    ? bits >> 16
                                                    : 0x7C00u | (std::isnan(odd) ? 0x200u : 0u));
        std::memcpy(changed.data() + at * size, size == 4 ? static_cast<const void*>(&bits) : &half, size);
        EXPECT_EQ(are_finite_numbers({"w", numbers.type, 3, 37, changed}), std::isfinite(odd));
      }
    }
  EXPECT_FALSE(are_finite_numbers({"w", GgmlType::q8_0, 1, 32, std::vector<std::byte>(34)}));
}

}  // namespace
}  // namespace coppice
