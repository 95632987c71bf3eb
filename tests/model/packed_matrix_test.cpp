// Files' matrices -> panels -> rows again: without loss where panels hold a type as it is.

#include "model/packed_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/gguf/gguf_model.h"
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
      const int64_t block = ggml_type_info(type).block_elements, columns = block == 1    ? 301
                                                                           : block == 32 ? 320
                                                                                         : 2 * block;
      const auto bytes = random_blocks(type, rows * columns, rng);
      const StoredRows source{"w", type, rows, columns, bytes};
      const auto want = dequantize(static_cast<uint32_t>(type), bytes, "w");
      const PackedType packed = panels_of(type).value();
      std::vector<std::byte> panels(static_cast<size_t>(packed_bytes(packed, rows, columns)));
      pack_matrix({packed, columns}, source, panels.data());
      for (int64_t panel = 0; panel < (rows + 31) / 32; ++panel) {  // each alone is the same
        std::vector<std::byte> alone(static_cast<size_t>(kernels::panel_bytes(packed, columns)));
        pack_panel({packed, columns}, source, panel, alone.data());
        ASSERT_TRUE(std::equal(alone.begin(), alone.end(),
                               panels.begin() + panel * static_cast<int64_t>(alone.size())));
      }
      std::vector<float> row(static_cast<size_t>(columns));
      for (int64_t r = 0; r < rows; ++r) {
        unpack_row({packed, columns}, panels.data(), columns, r, row.data());
        for (int64_t k = 0; k < columns; ++k)
          ASSERT_EQ(row[static_cast<size_t>(k)], want[static_cast<size_t>(r * columns + k)])
              << ggml_type_info(type).name << ' ' << rows << ' ' << r << ' ' << k;
      }
    }
}

// The matrix is the same whether its rows are put in order first or while they are packed.
TEST(PackedMatrix, PutsRowsInRotaryPairsInOrder) {
  Rng rng(5);
  for (const GgmlType type : {GgmlType::f32, GgmlType::bf16, GgmlType::q8_0, GgmlType::q4_0, GgmlType::q4_k})
    for (const int64_t head : {2, 10, 32, 64, 128})
      for (const PackedType packed : {panels_of(type).value(), PackedType::q4_0}) {
        const int64_t rows = 3 * head, columns = ggml_type_info(type).block_elements == 256 ? 256 : 96;
        const auto in_order = random_blocks(type, rows * columns, rng);
        const auto paired = reorder_rotary_rows(in_order, in_order.size() / static_cast<size_t>(rows), head,
                                                RowOrder::halves_to_pairs);
        std::vector<std::byte> want(static_cast<size_t>(packed_bytes(packed, rows, columns))),
            got(want.size());
        pack_matrix({packed, columns}, {"w", type, rows, columns, in_order}, want.data());
        pack_matrix(
            {packed, columns},
            {.name = "w", .type = type, .rows = rows, .columns = columns, .bytes = paired, .paired = head},
            got.data());
        ASSERT_EQ(got, want) << ggml_type_info(type).name << " heads of " << head;
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
