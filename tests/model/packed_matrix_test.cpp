// Files' matrices -> panels -> rows again: without loss where panels hold a type as it is.

#include "model/packed_matrix.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/packed_rows.h"

namespace coppice {
namespace {

using kernels::PackedType;

// Random bytes whose F16 scales are made harmless; every code occurs.
std::vector<std::byte> random_blocks(GgmlType type, int64_t count, Rng& rng) {
  const GgmlTypeInfo& info = ggml_type_info(type);
  std::vector<std::byte> bytes(static_cast<size_t>(count / info.block_elements * info.block_bytes));
  for (auto& byte : bytes) byte = static_cast<std::byte>(rng.below(256));
  const auto tame = [&bytes](size_t at) { bytes[at + 1] &= static_cast<std::byte>(0xBF); };  // below 2
  for (size_t at = 0; at < bytes.size(); at += static_cast<size_t>(info.block_bytes)) {
    if (type == GgmlType::f32) bytes[at + 3] &= static_cast<std::byte>(0xBF);
    if (type == GgmlType::q6_k)
      tame(at + 208);
    else if (type != GgmlType::f32)
      tame(at);
    if (type == GgmlType::q4_1 || type == GgmlType::q4_k || type == GgmlType::q5_1 || type == GgmlType::q5_k)
      tame(at + 2);
  }
  return bytes;
}

TEST(PackedMatrix, KeepsEveryWeightOfTypesThatPanelsHold) {
  Rng rng(3);
  for (const GgmlType type : {GgmlType::f32, GgmlType::f16, GgmlType::bf16, GgmlType::q8_0, GgmlType::q5_0,
                              GgmlType::q4_0, GgmlType::q4_1, GgmlType::q4_k, GgmlType::q6_k})
    for (const int64_t rows : {1, 31, 32, 33, 70}) {
      const int64_t block = ggml_type_info(type).block_elements, columns = block == 1 ? 45 : 2 * block;
      const auto bytes = random_blocks(type, rows * columns, rng);
      const StoredRows source{"w", type, rows, columns, bytes};
      const auto want = dequantize(static_cast<uint32_t>(type), bytes, "w");
      const PackedType packed = panels_of(type).value();
      std::vector<std::byte> panels(static_cast<size_t>(packed_bytes(packed, rows, columns)));
      pack_matrix({packed, columns}, source, panels.data());
      std::vector<float> row(static_cast<size_t>(columns));
      for (int64_t r = 0; r < rows; ++r) {
        unpack_row({packed, columns}, panels.data(), columns, r, row.data());
        for (int64_t k = 0; k < columns; ++k)
          ASSERT_EQ(row[static_cast<size_t>(k)], want[static_cast<size_t>(r * columns + k)])
              << ggml_type_info(type).name << ' ' << rows << ' ' << r << ' ' << k;
      }
    }
}

TEST(PackedMatrix, RoundsToOtherTypesAsTheirFilesDo) {
  Rng rng(4);
  const int64_t rows = 34, columns = 50;  // the last block of a row is part zeros
  std::vector<float> values(static_cast<size_t>(rows * columns));
  for (float& value : values) value = static_cast<float>(rng.normal());
  const StoredRows source{"w", GgmlType::f32, rows, columns, std::as_bytes(std::span(values))};
  for (const auto& [packed, type] : {std::pair{PackedType::bf16, GgmlType::bf16},
                                     {PackedType::q8_0, GgmlType::q8_0},
                                     {PackedType::q4_0, GgmlType::q4_0}}) {
    std::vector<std::byte> panels(static_cast<size_t>(packed_bytes(packed, rows, columns)));
    pack_matrix({packed, columns}, source, panels.data());
    std::vector<float> row(static_cast<size_t>(columns));
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<float> padded(64);
      std::copy_n(values.begin() + r * columns, columns, padded.begin());
      const auto want = dequantize(static_cast<uint32_t>(type), quantize(type, padded, "w"), "w");
      unpack_row({packed, columns}, panels.data(), columns, r, row.data());
      for (int64_t k = 0; k < columns; ++k)
        ASSERT_EQ(row[static_cast<size_t>(k)], want[static_cast<size_t>(k)]);
    }
  }
}

TEST(PackedMatrix, RefusesScalesThatAreNotFinite) {
  Rng rng(5);
  for (const GgmlType type :
       {GgmlType::q8_0, GgmlType::q5_0, GgmlType::q4_0, GgmlType::q4_1, GgmlType::q4_k, GgmlType::q6_k})
    for (const uint16_t scale : {uint16_t{0x7C00}, uint16_t{0xFE00}}) {
      const int64_t columns = 256, rows = 33;
      auto bytes = random_blocks(type, rows * columns, rng);
      std::memcpy(bytes.data() + (type == GgmlType::q6_k ? 208 : 0) + 32 * bytes.size() / 33, &scale, 2);
      std::vector<std::byte> panels(
          static_cast<size_t>(packed_bytes(panels_of(type).value(), rows, columns)));
      EXPECT_THROW(
          pack_matrix({panels_of(type).value(), columns}, {"w", type, rows, columns, bytes}, panels.data()),
          Error);
    }
}

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
      ASSERT_EQ(row[static_cast<size_t>(k)], values[static_cast<size_t>(r * source.columns + k)]) << r << ' ' << k;
  }
}

TEST(SparsePanels, TwoOfFourAreFoundAndKept) {
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

TEST(SparsePanels, CondensedAreFoundAndKept) {
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

TEST(SparsePanels, ZerosOnlyStillHaveAPanel) {
  const std::vector<float> values(64 * 3);
  const StoredRows source{"w", GgmlType::f32, 3, 64, std::as_bytes(std::span(values))};
  const PanelShape shape = fastest_panels(PackedType::f32, source);
  EXPECT_EQ(shape.inputs, 1);
  expect_kept(shape, source, values);
}

TEST(SparsePanels, RoundingToAnotherTypeKeepsTheZeros) {
  Rng rng(8);
  const int64_t rows = 33, columns = 64;
  const auto values = random_sparse(rows, columns, rng, [](int64_t r, int64_t k) { return (r + k) % 2 == 0; });
  const StoredRows source{"w", GgmlType::f32, rows, columns, std::as_bytes(std::span(values))};
  const PanelShape shape = fastest_panels(PackedType::bf16, source);
  EXPECT_EQ(shape.type, PackedType::bf16_2_of_4);
  expect_kept(shape, source, values);
}

TEST(SparsePanels, NumbersThatAreNotFiniteAreWeights) {
  for (const float odd : {INFINITY, -INFINITY, NAN}) {
    std::vector<float> values(8);
    values[1] = values[2] = values[3] = odd;
    const StoredRows source{"w", GgmlType::f32, 1, 8, std::as_bytes(std::span(values))};
    EXPECT_EQ(fastest_panels(PackedType::f32, source).type, PackedType::f32);
  }
}

TEST(SparsePanels, BlocksStayAsTheyAre) {
  Rng rng(9);
  const std::vector<float> zeros(64 * 4);
  const auto bytes = quantize(GgmlType::q8_0, zeros, "w");
  const StoredRows source{"w", GgmlType::q8_0, 4, 64, bytes};
  EXPECT_EQ(fastest_panels(PackedType::q8_0, source).type, PackedType::q8_0);
  EXPECT_EQ(fastest_panels(PackedType::f32, source).type, PackedType::f32);
}

TEST(PackedRows, TilesCoverEachListAlone) {
  const auto& kernels = kernels::active_packed();
  const std::vector<TokenList> lists = {{5, 40}, {0, 40}, {19, 33}, {1, 8}};
  PackedRows rows;
  rows.arrange(kernels, kernels::RowsType::f32, lists);
  for (size_t i = 0; i < lists.size(); ++i) {
    int64_t next = 0;
    for (const Tile& tile : rows.tiles(i)) {
      EXPECT_EQ(tile.first, next);
      EXPECT_LE(tile.tokens, kernels.tile_tokens);
      EXPECT_GE(tile.tokens, 1);
      next += tile.tokens;
    }
    EXPECT_EQ(next, lists[i].tokens);
  }
}

}  // namespace
}  // namespace coppice
