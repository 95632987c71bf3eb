#pragma once
// Matrices of small integers with a scale for every group of consecutive elements of a row (FineQuant, Kim et al.
// 2023):
//   scale = max |w| / (2^(bits-1) - 1), kept as F16;  q = round(w / scale), clamped to [-2^(bits-1), 2^(bits-1) - 1];
//   w ~ scale * q.
// The group is chosen for each matrix from its weights alone. From one group per row it is halved while that shrinks
// the groups' ranges, sum of max |w| of the halves / (2 sum of max |w| of the wholes), below `alpha`: where one outlier
// stretches a group, the other half's range falls, and the ratio nears 1/2. It is never halved below `least_group`, nor
// where a half would not be a whole number of elements.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coppice {

struct GroupedIntegers {
  int bits = 4;  // 4 or 8
  int64_t rows = 0, columns = 0, group = 0;
  std::vector<std::byte>
      integers;  // a row is a whole number of bytes; of 4 bits, even columns lie in low nibbles
  std::vector<uint16_t> scales;  // F16, row after row

  int64_t row_bytes() const { return (columns * bits + 7) / 8; }
  int64_t groups_per_row() const { return columns / group; }
  int64_t bytes() const { return rows * (row_bytes() + groups_per_row() * 2); }
};

// Each group is `group` elements, which divides the columns. Values that are not finite, or too large for a scale, are
// an Error that names `where`.
GroupedIntegers quantize_in_groups(std::span<const float> values, int64_t rows, int bits, int64_t group,
                                   const std::string& where);

// The integers in rows of row_bytes() and the scales, as they lie in a file, as floats. Sizes are checked by the caller.
std::vector<float> floats_of_groups(std::span<const std::byte> integers, std::span<const uint16_t> scales,
                                    int64_t rows, int64_t columns, int bits);

// The same weights as blocks of Q4_0 (4 bits) or Q8_0 (8), row after row, each block with the scale of its group. Groups
// have to be whole blocks of 32 elements.
std::vector<std::byte> blocks_of_groups(std::span<const std::byte> integers, std::span<const uint16_t> scales,
                                        int64_t rows, int64_t columns, int bits);

struct GroupChoice {
  double alpha = 0.95;
  int64_t least_group = 64;
};
int64_t choose_group(std::span<const float> values, int64_t rows, const GroupChoice& choice);

}  // namespace coppice
