#include "model/fastest_panels.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "base/parallel.h"
#include "model/plain_numbers.h"

namespace coppice {

using kernels::PackedType;

namespace {

// What panels without zeros there are for a type, and the largest share of a row that condensed ones are still faster
// with than any others (docs/performance.md has the measurement).
struct Sparse {
  PackedType plain, two_of_four, condensed;
  double most_condensed;
};
constexpr auto sparse_types = std::to_array<Sparse>({
    {PackedType::f32, PackedType::f32_2_of_4, PackedType::f32_condensed, 0.2},
    {PackedType::f16, PackedType::f16_2_of_4, PackedType::f16_condensed, 0.2},
    {PackedType::bf16, PackedType::bf16_2_of_4, PackedType::bf16_condensed, 0.1},
});

// Few, because the first ones mostly tell.
int64_t rows_at_once(const StoredRows& source) {
  constexpr int64_t bytes = 4096;
  return std::max<int64_t>(1, bytes / std::max<int64_t>(1, source.row_bytes()));
}

// Looks at rows until neither kind of panels fits.
template <class T>
PanelShape look_for_zeros(const Sparse& types, const StoredRows& source) {
  const int64_t columns = source.columns, at_once = rows_at_once(source),
                most = columns > kernels::most_condensed_columns
                           ? -1
                           : static_cast<int64_t>(types.most_condensed * static_cast<double>(columns));
  std::atomic<bool> two_of_four = true;
  std::atomic<int64_t> fan_in = 0;
  constexpr int64_t elements_per_task = 1 << 16;
  parallel_for(
      source.rows, elements_per_task / std::max<int64_t>(1, columns), [&](int64_t begin, int64_t end) {
        RowRoom room;
        std::span<const std::byte> rows;
        for (int64_t row = begin; row < end && (two_of_four || fan_in <= most); ++row) {
          if ((row - begin) % at_once == 0) rows = source.look_at(row, std::min(row + at_once, end), room);
          const auto* numbers =
              reinterpret_cast<const uint8_t*>(rows.data()) + (row - begin) % at_once * source.row_bytes();
          int64_t in_row = 0, most_of_quad = 0;
          for (int64_t quad = 0; quad < columns; quad += 4) {
            int64_t in_quad = 0;
            for (int64_t k = quad; k < std::min(quad + 4, columns); ++k)
              in_quad += is_zero(number_at<T>(numbers, k)) ? 0 : 1;
            in_row += in_quad;
            most_of_quad = std::max(most_of_quad, in_quad);
          }
          if (most_of_quad > 2) two_of_four = false;
          for (int64_t seen = fan_in; in_row > seen && !fan_in.compare_exchange_weak(seen, in_row);) {
          }
        }
      });
  if (fan_in <= most) return {types.condensed, std::max<int64_t>(1, fan_in)};
  if (two_of_four) return {types.two_of_four, columns};
  return {types.plain, columns};
}

}  // namespace

PanelShape fastest_panels(PackedType plain, const StoredRows& source) {
  const auto types = std::find_if(sparse_types.begin(), sparse_types.end(),
                                  [plain](const Sparse& sparse) { return sparse.plain == plain; });
  if (types == sparse_types.end()) return {plain, source.columns};
  switch (source.type) {
    case GgmlType::f32:
      return look_for_zeros<uint32_t>(*types, source);
    case GgmlType::f16:
    case GgmlType::bf16:
      return look_for_zeros<uint16_t>(*types, source);
    default:
      return {plain, source.columns};
  }
}

namespace {

template <class T>
bool are_finite(const StoredRows& source, T exponent) {
  std::atomic<bool> finite = true;
  constexpr int64_t elements_per_task = 1 << 16;
  parallel_for(
      source.rows, elements_per_task / std::max<int64_t>(1, source.columns), [&](int64_t begin, int64_t end) {
        RowRoom room;
        for (int64_t row = begin, stop = 0; row < end && finite; row = stop) {
          stop = std::min(row + rows_at_once(source), end);
          const auto* numbers = reinterpret_cast<const uint8_t*>(source.look_at(row, stop, room).data());
          bool in_rows = true;
          for (int64_t k = 0; k < (stop - row) * source.columns; ++k)
            in_rows &= (number_at<T>(numbers, k) & exponent) != exponent;
          if (!in_rows) finite = false;
        }
      });
  return finite;
}

}  // namespace

bool are_finite_numbers(const StoredRows& source) {
  switch (source.type) {
    case GgmlType::f32:
      return are_finite<uint32_t>(source, 0x7F800000u);
    case GgmlType::f16:
      return are_finite<uint16_t>(source, 0x7C00);
    case GgmlType::bf16:
      return are_finite<uint16_t>(source, 0x7F80);
    default:
      return false;
  }
}

}  // namespace coppice
