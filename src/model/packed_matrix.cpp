#include "model/packed_matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "format/float16.h"

namespace coppice {
namespace {

using kernels::group_columns;
using kernels::k_groups;
using kernels::PackedType;
using kernels::panel_rows;

using Bytes = const uint8_t*;

uint32_t word_at(Bytes at) {
  uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}
uint16_t half_at(Bytes at) {
  uint16_t half;
  std::memcpy(&half, at, sizeof half);
  return half;
}
void put(uint8_t* at, uint32_t word) {
  std::memcpy(at, &word, sizeof word);
}
void put(uint8_t* at, uint16_t half) {
  std::memcpy(at, &half, sizeof half);
}

bool is_finite_half(uint16_t half) {
  return (half & 0x7C00u) != 0x7C00u;
}

// Four times four bits, the codes of four neighbouring columns, in each byte's lower half.
constexpr uint32_t low_nibbles = 0x0F0F0F0F;

// Writes eight words of codes as nibbles of row `r`.
void put_nibbles(const std::array<uint32_t, 8>& quads, int64_t r, uint8_t* nibbles) {
  for (size_t i = 0; i < 4; ++i)
    put(nibbles + static_cast<int64_t>(i) * 128 + 4 * r, quads[2 * i] | quads[2 * i + 1] << 4);
}

// The codes of a block of nibbles, whose low ones are columns 0 to 15 and high ones 16 to 31.
std::array<uint32_t, 8> quads_of(Bytes nibbles) {
  std::array<uint32_t, 8> quads{};
  for (size_t i = 0; i < 4; ++i) {
    const uint32_t word = word_at(nibbles + 4 * i);
    quads[i] = word & low_nibbles;
    quads[i + 4] = word >> 4 & low_nibbles;
  }
  return quads;
}

// One row of blocks into row `r` of a panel. False if a scale is not finite.
using PackRow = bool (*)(Bytes row, int64_t columns, int64_t r, uint8_t* panel);

bool pack_f32_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  for (int64_t k = 0; k < columns; ++k) put(panel + k * 128 + 4 * r, word_at(row + 4 * k));
  return true;
}
bool pack_f16_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  for (int64_t k = 0; k < columns; ++k) put(panel + k * 64 + 2 * r, half_at(row + 2 * k));
  return true;
}
bool pack_bf16_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  for (int64_t k = 0; k + 2 <= columns; k += 2) put(panel + k * 64 + 4 * r, word_at(row + 2 * k));
  if (columns % 2 != 0) put(panel + (columns - 1) * 64 + 4 * r, half_at(row + 2 * (columns - 1)));
  return true;
}

bool pack_q8_0_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += group_columns, row += 34, panel += 1088) {
    const uint16_t scale = half_at(row);
    finite &= is_finite_half(scale);
    put(panel + 2 * r, scale);
    for (int64_t quad = 0; quad < 8; ++quad)
      put(panel + 64 + quad * 128 + 4 * r, word_at(row + 2 + 4 * quad) ^ 0x80808080u);
  }
  return finite;
}

// Codes of five bits, minus 16, are bytes as q8_0 has them.
bool pack_q5_0_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += group_columns, row += 22, panel += 1088) {
    const uint16_t scale = half_at(row);
    finite &= is_finite_half(scale);
    put(panel + 2 * r, scale);
    const uint32_t fifths = word_at(row + 2);
    const auto quads = quads_of(row + 6);
    for (size_t quad = 0; quad < 8; ++quad) {
      const uint32_t bits = fifths >> (4 * quad);
      const uint32_t high =
          (bits & 1) << 4 | (bits >> 1 & 1) << 12 | (bits >> 2 & 1) << 20 | (bits >> 3 & 1) << 28;
      put(panel + 64 + static_cast<int64_t>(quad) * 128 + 4 * r, (quads[quad] | high) + 0x70707070u);
    }
  }
  return finite;
}

bool pack_q4_0_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += group_columns, row += 18, panel += 576) {
    const uint16_t scale = half_at(row);
    finite &= is_finite_half(scale);
    put(panel + 2 * r, scale);
    put_nibbles(quads_of(row + 2), r, panel + 64);
  }
  return finite;
}

bool pack_q4_1_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += group_columns, row += 20, panel += 640) {
    const uint16_t scale = half_at(row), minimum = half_at(row + 2);
    finite &= is_finite_half(scale) && is_finite_half(minimum);
    put(panel + 2 * r, scale);
    put(panel + 64 + 2 * r, minimum);
    put_nibbles(quads_of(row + 4), r, panel + 128);
  }
  return finite;
}

// The block's layout is in format/gguf_dequantize.cpp, as is that of q6_k.
bool pack_q4_k_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += k_groups * group_columns, row += 144) {
    const uint16_t scale = half_at(row), minimum = half_at(row + 2);
    finite &= is_finite_half(scale) && is_finite_half(minimum);
    put(panel + 2 * r, scale);
    put(panel + 64 + 2 * r, minimum);
    panel += 128;
    const Bytes packed = row + 4, quants = row + 16;
    for (int64_t part = 0; part < k_groups; ++part, panel += 576) {
      const bool early = part < 4;
      panel[r] = static_cast<uint8_t>(early ? packed[part] & 63
                                            : (packed[part + 4] & 15) | (packed[part - 4] >> 6) << 4);
      panel[32 + r] = static_cast<uint8_t>(early ? packed[part + 4] & 63
                                                 : packed[part + 4] >> 4 | (packed[part] >> 6) << 4);
      std::array<uint32_t, 8> quads{};
      for (size_t quad = 0; quad < 8; ++quad)
        quads[quad] = word_at(quants + part / 2 * 32 + 4 * quad) >> (part % 2 * 4) & low_nibbles;
      put_nibbles(quads, r, panel + 64);
    }
  }
  return finite;
}

bool pack_q6_k_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += k_groups * group_columns, row += 210) {
    const uint16_t scale = half_at(row + 208);
    finite &= is_finite_half(scale);
    put(panel + 2 * r, scale);
    panel += 64;
    for (int64_t part = 0; part < k_groups; ++part, panel += 832) {
      const int64_t half = part / 4, line = part % 4;
      const Bytes low = row + half * 64 + line % 2 * 32, high = row + 128 + half * 32,
                  scales = row + 192 + half * 8 + line * 2;
      panel[r] = scales[0];
      panel[32 + r] = scales[1];
      std::array<uint32_t, 8> quads{};
      std::array<uint32_t, 2> pairs{};
      for (size_t quad = 0; quad < 8; ++quad) {
        quads[quad] = word_at(low + 4 * quad) >> (line < 2 ? 0 : 4) & low_nibbles;
        pairs[quad / 4] |= (word_at(high + 4 * quad) >> (2 * line) & 0x03030303u) << (2 * (quad % 4));
      }
      put_nibbles(quads, r, panel + 64);
      put(panel + 576 + 4 * r, pairs[0]);
      put(panel + 704 + 4 * r, pairs[1]);
    }
  }
  return finite;
}

// Plain numbers of whole panels are a transposition of words, of one column or of two: word k of row r comes to place 32 k
// + r. Squares of four by four words, over as many columns as stay in the first-level cache.
using Words = uint32_t __attribute__((vector_size(16)));

Words words_at(Bytes at) {
  Words words;
  std::memcpy(&words, at, sizeof words);
  return words;
}

void pack_words(Bytes rows, int64_t row_bytes, int64_t columns, int64_t columns_of_word, uint8_t* panel) {
  constexpr int64_t square = 4, stretch = 64;
  const int64_t words = columns / columns_of_word, whole = words / square * square;
  for (int64_t first = 0; first < whole; first += stretch)
    for (int64_t r = 0; r < panel_rows; r += square) {
      const Bytes row = rows + r * row_bytes;
      for (int64_t k = first; k < std::min(first + stretch, whole); k += square) {
        const Words a = words_at(row + 4 * k), b = words_at(row + row_bytes + 4 * k),
                    c = words_at(row + 2 * row_bytes + 4 * k), d = words_at(row + 3 * row_bytes + 4 * k);
        const Words ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                    cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                    ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                    cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        const Words columns_of_square[square] = {__builtin_shufflevector(ab, cd, 0, 1, 4, 5),
                                                 __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                                                 __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                                                 __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
        for (int64_t i = 0; i < square; ++i)
          std::memcpy(panel + (k + i) * 128 + 4 * r, &columns_of_square[i], sizeof(Words));
      }
    }
  for (int64_t r = 0; r < panel_rows; ++r) {
    const Bytes row = rows + r * row_bytes;
    for (int64_t k = whole; k < words; ++k) put(panel + k * 128 + 4 * r, word_at(row + 4 * k));
    if (columns % columns_of_word != 0) put(panel + words * 128 + 4 * r, half_at(row + 4 * words));
  }
}

// Types whose rows go into panels without loss.
struct Packing {
  GgmlType from;
  PackedType to;
  PackRow pack;
  int64_t columns_of_word = 0;  // of those that pack_words takes
};
constexpr auto packings = std::to_array<Packing>({
    {GgmlType::f32, PackedType::f32, pack_f32_row, 1},
    {GgmlType::f16, PackedType::f16, pack_f16_row},
    {GgmlType::bf16, PackedType::bf16, pack_bf16_row, 2},
    {GgmlType::q8_0, PackedType::q8_0, pack_q8_0_row},
    {GgmlType::q5_0, PackedType::q8_0, pack_q5_0_row},
    {GgmlType::q4_0, PackedType::q4_0, pack_q4_0_row},
    {GgmlType::q4_1, PackedType::q4_1, pack_q4_1_row},
    {GgmlType::q4_k, PackedType::q4_k, pack_q4_k_row},
    {GgmlType::q6_k, PackedType::q6_k, pack_q6_k_row},
});

const Packing* packing_of(GgmlType from, std::optional<PackedType> to = std::nullopt) {
  const auto found = std::find_if(packings.begin(), packings.end(), [&](const Packing& packing) {
    return packing.from == from && (!to || packing.to == *to);
  });
  return found == packings.end() ? nullptr : &*found;
}

// The type that is packed as `type` and has its name.
GgmlType blocks_for(PackedType type) {
  for (const auto& packing : packings)
    if (packing.to == type) return packing.from;
  COPPICE_CHECK(false, "every packed type is packed from something");
}

// Rows [begin, begin + count) as blocks of `type`, with zeros behind the last column.
std::vector<std::byte> rounded_rows(GgmlType type, const StoredRows& source, int64_t begin, int64_t count) {
  const auto floats = dequantize(static_cast<uint32_t>(source.type),
                                 source.bytes.subspan(static_cast<size_t>(begin * source.row_bytes()),
                                                      static_cast<size_t>(count * source.row_bytes())),
                                 source.name);
  const int64_t block = ggml_type_info(type).block_elements;
  const int64_t padded = (source.columns + block - 1) / block * block;
  if (padded == source.columns) return quantize(type, floats, source.name);
  std::vector<float> wide(static_cast<size_t>(count * padded));
  for (int64_t row = 0; row < count; ++row)
    std::copy_n(floats.data() + row * source.columns, source.columns, wide.data() + row * padded);
  return quantize(type, wide, source.name);
}

}  // namespace

int64_t StoredRows::row_bytes() const {
  const GgmlTypeInfo& info = ggml_type_info(type);
  return columns / info.block_elements * info.block_bytes;
}

std::optional<PackedType> panels_of(GgmlType type) {
  const Packing* packing = packing_of(type);
  return packing == nullptr ? std::nullopt : std::optional(packing->to);
}

int64_t packed_bytes(PackedType type, int64_t rows, int64_t columns) {
  return (rows + panel_rows - 1) / panel_rows * kernels::panel_bytes(type, columns);
}

void pack_panels(const PackJob& job, int64_t begin, int64_t end) {
  const StoredRows& source = job.source;
  const Packing* packing = packing_of(source.type, job.type);
  const bool rounds = packing == nullptr;
  if (rounds) packing = packing_of(blocks_for(job.type));
  const int64_t bytes = kernels::panel_bytes(job.type, source.columns),
                padding = kernels::packed_groups(job.type, source.columns) * group_columns - source.columns;
  for (int64_t p = begin; p < end; ++p) {
    auto* panel = reinterpret_cast<uint8_t*>(job.out + p * bytes);
    const int64_t first = p * panel_rows, count = std::min<int64_t>(panel_rows, source.rows - first);
    if (count < panel_rows || padding > 0) std::memset(panel, 0, static_cast<size_t>(bytes));
    std::vector<std::byte> rounded;
    if (rounds) rounded = rounded_rows(packing->from, source, first, count);
    const auto row_bytes = rounds ? static_cast<int64_t>(rounded.size()) / count : source.row_bytes();
    const Bytes rows =
        reinterpret_cast<Bytes>(rounds ? rounded.data() : source.bytes.data() + first * row_bytes);
    if (packing->columns_of_word > 0 && count == panel_rows) {
      pack_words(rows, row_bytes, source.columns, packing->columns_of_word, panel);
      continue;
    }
    for (int64_t r = 0; r < count; ++r)
      if (!packing->pack(rows + r * row_bytes, source.columns, r, panel))
        throw Error({.where = source.name,
                     .found = fmt::format("a scale in row {} that is not finite", first + r),
                     .expected = "finite scales",
                     .advice = "the file is damaged or was made wrongly"});
  }
}

void pack_matrices(std::span<const PackJob> jobs) {
  std::vector<int64_t> first = {0};  // panel of each job, counted through, and the end
  int64_t bytes = 0;
  for (const auto& job : jobs) {
    first.push_back(first.back() + job.panels());
    bytes += job.panels() * kernels::panel_bytes(job.type, job.source.columns);
  }
  const int64_t panels = first.back();
  constexpr int64_t least_bytes = 1 << 16;  // that take longer than handing them to a thread
  const int64_t grain = least_bytes * panels / std::max<int64_t>(1, bytes);
  parallel_for(panels, grain, [&](int64_t begin, int64_t end) {
    auto job = static_cast<size_t>(std::upper_bound(first.begin(), first.end(), begin) - first.begin()) - 1;
    for (; begin < end; ++job) {
      const int64_t stop = std::min(end, first[job + 1]);
      if (begin < stop) pack_panels(jobs[job], begin - first[job], stop - first[job]);
      begin = std::max(begin, stop);
    }
  });
}

namespace {

// Codes of row `r` in the 32 columns of a group.
struct Codes {
  Bytes nibbles;
  int64_t r;
  int at(int64_t k) const {
    const int byte = nibbles[k / 8 * 128 + 4 * r + k % 4];
    return k % 8 < 4 ? byte & 15 : byte >> 4;
  }
};

float scale_at(Bytes halves, int64_t r) {
  return f16_to_float(half_at(halves + 2 * r));
}

// A group of row `r`: `shared` are the scales of eight groups of a K type.
void unpack_group(PackedType type, Bytes shared, Bytes group, int64_t r, float* out) {
  switch (type) {
    case PackedType::f32:
      for (int64_t k = 0; k < group_columns; ++k)
        out[k] = std::bit_cast<float>(word_at(group + k * 128 + 4 * r));
      return;
    case PackedType::f16:
      for (int64_t k = 0; k < group_columns; ++k) out[k] = f16_to_float(half_at(group + k * 64 + 2 * r));
      return;
    case PackedType::bf16:
      for (int64_t k = 0; k < group_columns; ++k)
        out[k] = bf16_to_float(half_at(group + k / 2 * 128 + 4 * r + k % 2 * 2));
      return;
    case PackedType::q8_0: {
      const float scale = scale_at(group, r);
      for (int64_t k = 0; k < group_columns; ++k)
        out[k] = scale * static_cast<float>(group[64 + k / 4 * 128 + 4 * r + k % 4] - 128);
      return;
    }
    case PackedType::q4_0: {
      const float scale = scale_at(group, r);
      const Codes codes{group + 64, r};
      for (int64_t k = 0; k < group_columns; ++k) out[k] = scale * static_cast<float>(codes.at(k) - 8);
      return;
    }
    case PackedType::q4_1: {
      const float scale = scale_at(group, r), minimum = scale_at(group + 64, r);
      const Codes codes{group + 128, r};
      for (int64_t k = 0; k < group_columns; ++k) out[k] = static_cast<float>(codes.at(k)) * scale + minimum;
      return;
    }
    case PackedType::q4_k: {
      const float scale = scale_at(shared, r) * static_cast<float>(group[r]),
                  minimum = scale_at(shared + 64, r) * static_cast<float>(group[32 + r]);
      const Codes codes{group + 64, r};
      for (int64_t k = 0; k < group_columns; ++k) out[k] = scale * static_cast<float>(codes.at(k)) - minimum;
      return;
    }
    case PackedType::q6_k: {
      const Codes codes{group + 64, r};
      for (int64_t k = 0; k < group_columns; ++k) {
        const float scale =
            scale_at(shared, r) * static_cast<float>(static_cast<int8_t>(group[k / 16 * 32 + r]));
        const int pair = group[576 + k / 16 * 128 + 4 * r + k % 4] >> (k % 16 / 4 * 2) & 3;
        out[k] = scale * static_cast<float>((codes.at(k) | pair << 4) - 32);
      }
      return;
    }
  }
}

}  // namespace

void unpack_row(PackedType type, const std::byte* panels, int64_t columns, int64_t row, float* out) {
  const auto* panel =
      reinterpret_cast<Bytes>(panels + row / panel_rows * kernels::panel_bytes(type, columns));
  const int64_t shared_bytes = type == PackedType::q4_k ? 128 : type == PackedType::q6_k ? 64 : 0;
  Bytes shared = panel;
  for (int64_t k = 0; k < columns; k += group_columns) {
    if (shared_bytes > 0 && k % (k_groups * group_columns) == 0) {
      shared = panel;
      panel += shared_bytes;
    }
    std::array<float, group_columns> values;
    unpack_group(type, shared, panel, row % panel_rows, values.data());
    std::copy_n(values.data(), std::min<int64_t>(group_columns, columns - k), out + k);
    panel += kernels::panel_group_bytes(type);
  }
}

}  // namespace coppice
