// Rows that are read from a file against the same rows in memory, and the panels made of both.

#include "model/stored_rows.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "model/fastest_panels.h"
#include "model/packed_matrix.h"
#include "support.h"

namespace coppice {
namespace {

// Weights that are not 0, or two of four of them.
std::vector<float> some_weights(int64_t count, bool pruned) {
  Rng rng(3);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(pruned && i % 4 >= 2 ? 0.0f : static_cast<float>(rng.uniform(-1, 1)));
  return values;
}

TEST(StoredRows, OfAFileAreThoseInMemory) {
  constexpr int64_t rows = 70, columns = 96;
  for (const bool pruned : {false, true})
    for (const size_t ahead : {size_t{0}, size_t{3}, size_t{4100}}) {  // bytes before the matrix
      const auto values = some_weights(rows * columns, pruned);
      const auto bytes = std::as_bytes(std::span(values));
      const test::TemporaryFolder folder;
      write_file(folder / "x", std::string(ahead, 'x') +
                                   std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
      const MappedFile file(folder / "x", true);
      const StoredRows memory{"w", GgmlType::f32, rows, columns, bytes},
          stored{"w", GgmlType::f32, rows, columns, file.bytes().subspan(ahead), &file};
      RowRoom room;
      for (const int64_t begin : {0, 1, 69})
        for (const int64_t end : {begin, begin + 1, rows}) {
          const auto got = stored.look_at(begin, end, room), want = memory.look_at(begin, end, room);
          EXPECT_TRUE(std::ranges::equal(got, want)) << begin << ' ' << end;
          EXPECT_NE(got.data(), stored.bytes.data() + begin * stored.row_bytes()) << "not where it is mapped";
        }
      const PanelShape shape = fastest_panels(kernels::PackedType::f32, stored);
      EXPECT_EQ(shape.type, pruned ? kernels::PackedType::f32_2_of_4 : kernels::PackedType::f32);
      EXPECT_EQ(fastest_panels(kernels::PackedType::f32, memory).type, shape.type);
      EXPECT_TRUE(are_finite_numbers(stored));
      std::vector<std::byte> got(static_cast<size_t>(packed_bytes(shape.type, rows, shape.inputs))),
          want(got.size());
      pack_matrix(shape, stored, got.data());
      pack_matrix(shape, memory, want.data());
      EXPECT_EQ(got, want);
    }
}

}  // namespace
}  // namespace coppice
