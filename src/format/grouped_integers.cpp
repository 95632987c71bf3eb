#include "format/grouped_integers.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "format/float16.h"

namespace coppice {
namespace {

float range_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

// Sum of the ranges of all groups.
double sum_of_ranges(std::span<const float> values, int64_t group) {
  double sum = 0;
  for (size_t at = 0; at < values.size(); at += static_cast<size_t>(group))
    sum += range_of(values.subspan(at, static_cast<size_t>(group)));
  return sum;
}

int stored_integer(std::span<const std::byte> row, size_t column, int bits) {
  if (bits == 8) return static_cast<int8_t>(row[column]);
  const int nibble = static_cast<int>(row[column / 2]) >> (column % 2 * 4) & 15;
  return nibble < 8 ? nibble : nibble - 16;
}

}  // namespace

GroupedIntegers quantize_in_groups(std::span<const float> values, int64_t rows, int bits, int64_t group,
                                   const std::string& where) {
  COPPICE_CHECK(bits == 4 || bits == 8, "4 or 8 bits");
  const int64_t columns = rows == 0 ? 0 : static_cast<int64_t>(values.size()) / rows;
  COPPICE_CHECK(group > 0 && columns % group == 0, "whole groups");
  const float most = bits == 8 ? 127.0f : 7.0f;
  for (const float value : values)
    if (!std::isfinite(value) || std::fabs(value) > 65504.0f * most)
      throw Error({.where = where,
                   .found = fmt::format("the value {}", value),
                   .expected = fmt::format("finite numbers of at most {}", 65504.0f * most)});
  GroupedIntegers result{.bits = bits, .rows = rows, .columns = columns, .group = group};
  result.integers.resize(static_cast<size_t>(rows * result.row_bytes()));
  result.scales.resize(static_cast<size_t>(rows * result.groups_per_row()));
  const auto width = static_cast<size_t>(columns), size = static_cast<size_t>(group);
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r) {
      std::byte* out = result.integers.data() + r * static_cast<size_t>(result.row_bytes());
      for (size_t at = 0; at < width; at += size) {
        const auto part = values.subspan(r * width + at, size);
        const uint16_t scale = float_to_f16(range_of(part) / most);
        result.scales[(r * width + at) / size] = scale;
        const float step = f16_to_float(scale);
        for (size_t i = 0; i < size; ++i) {
          const float level = step > 0 ? std::clamp(std::nearbyint(part[i] / step), -most - 1, most) : 0.0f;
          const int q = static_cast<int>(level);
          if (bits == 8)
            out[at + i] = static_cast<std::byte>(q);
          else
            out[(at + i) / 2] |= static_cast<std::byte>((q & 15) << ((at + i) % 2 * 4));
        }
      }
    }
  });
  return result;
}

std::vector<float> floats_of_groups(std::span<const std::byte> integers, std::span<const uint16_t> scales,
                                    int64_t rows, int64_t columns, int bits) {
  const auto width = static_cast<size_t>(columns), row_bytes = static_cast<size_t>((columns * bits + 7) / 8);
  const size_t groups = rows == 0 ? 1 : scales.size() / static_cast<size_t>(rows), group = width / groups;
  COPPICE_CHECK(group * groups == width && integers.size() == static_cast<size_t>(rows) * row_bytes,
                "whole groups");
  std::vector<float> values(static_cast<size_t>(rows) * width);
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r) {
      const auto row = integers.subspan(r * row_bytes, row_bytes);
      for (size_t c = 0; c < width; ++c)
        values[r * width + c] =
            f16_to_float(scales[r * groups + c / group]) * static_cast<float>(stored_integer(row, c, bits));
    }
  });
  return values;
}

std::vector<std::byte> blocks_of_groups(std::span<const std::byte> integers, std::span<const uint16_t> scales,
                                        int64_t rows, int64_t columns, int bits) {
  constexpr size_t block = 32, scale_bytes = 2;
  const auto width = static_cast<size_t>(columns), row_bytes = static_cast<size_t>((columns * bits + 7) / 8),
             block_bytes = scale_bytes + block * static_cast<size_t>(bits) / 8;
  const size_t groups = scales.size() / static_cast<size_t>(rows), group = width / groups;
  COPPICE_CHECK(group * groups == width && group % block == 0, "groups of whole blocks");
  std::vector<std::byte> blocks(static_cast<size_t>(rows) * (width / block) * block_bytes);
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r) {
      const auto row = integers.subspan(r * row_bytes, row_bytes);
      std::byte* out = blocks.data() + r * (width / block) * block_bytes;
      for (size_t c = 0; c < width; c += block, out += block_bytes) {
        std::memcpy(out, &scales[r * groups + c / group], scale_bytes);
        if (bits == 8) {
          std::memcpy(out + scale_bytes, row.data() + c, block);
          continue;
        }
        const auto code = [&](size_t i) { return stored_integer(row, c + i, bits) + 8; };
        for (size_t i = 0; i < block / 2; ++i)
          out[scale_bytes + i] = static_cast<std::byte>(code(i) | code(i + block / 2) << 4);
      }
    }
  });
  return blocks;
}

int64_t choose_group(std::span<const float> values, int64_t rows, const GroupChoice& choice) {
  int64_t group = rows == 0 ? 0 : static_cast<int64_t>(values.size()) / rows;
  if (group == 0) return 1;
  double whole = sum_of_ranges(values, group);
  while (group % 2 == 0 && group / 2 >= choice.least_group) {
    const double halves = sum_of_ranges(values, group / 2);
    if (!(halves < choice.alpha * 2 * whole)) break;
    group /= 2;
    whole = halves;
  }
  return group;
}

}  // namespace coppice
