#include "model/packed_matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "format/float16.h"
#include "model/plain_numbers.h"

namespace coppice {
namespace {

using kernels::group_columns;
using kernels::k_groups;
using kernels::PackedType;
using kernels::panel_rows;

using Bytes = const uint8_t*;

uint32_t word_at(Bytes at) {
  return number_at<uint32_t>(at, 0);
}
uint16_t half_at(Bytes at) {
  return number_at<uint16_t>(at, 0);
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
  for (int64_t k = 0; k + 2 <= columns; k += 2)
    put(panel + k * 64 + 4 * r, std::rotl(word_at(row + 2 * k), 16));
  if (columns % 2 != 0) put(panel + (columns - 1) * 64 + 4 * r + 2, half_at(row + 2 * (columns - 1)));
  return true;
}

// The two weights of a quad of columns that are not zeros, and their columns in it.
template <class T>
struct Two {
  std::array<T, 2> weights{};
  std::array<uint32_t, 2> columns{0, 1};
};
template <class T>
Two<T> two_of(Bytes row, int64_t first, int64_t columns) {
  Two<T> two;
  size_t count = 0;
  for (int64_t k = first; k < std::min(first + 4, columns); ++k) {
    const T bits = number_at<T>(row, k);
    if (is_zero(bits)) continue;
    two.weights[count] = bits;
    two.columns[count++] = static_cast<uint32_t>(k - first);
  }
  if (count == 1 && two.columns[0] == 3) return {{0, two.weights[0]}, {2, 3}};
  if (count == 1) two.columns[1] = two.columns[0] + 1;
  return two;
}

// The layouts are in kernels/packed_kernels.h; `pairs` is that of bf16.
template <class T, bool pairs>
bool pack_2_of_4_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  constexpr int64_t size = sizeof(T), quad_bytes = 2 * size * panel_rows;
  for (int64_t group = 0; group < columns; group += group_columns) {
    uint32_t places = 0;
    for (int64_t quad = 0; quad < 8; ++quad, panel += quad_bytes) {
      const auto two = two_of<T>(row, group + 4 * quad, columns);
      places |= (two.columns[0] | two.columns[1] << 2) << (4 * quad);
      put(panel + (pairs ? 4 * r + 2 : size * r), two.weights[0]);
      put(panel + (pairs ? 4 * r : size * (panel_rows + r)), two.weights[1]);
    }
    put(panel + 4 * r, places);
    panel += 4 * panel_rows;
  }
  return true;
}

template <class T>
bool pack_condensed_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  constexpr int64_t size = sizeof(T);
  for (int64_t k = 0; k < columns; ++k) {
    const T bits = number_at<T>(row, k);
    if (is_zero(bits)) continue;
    put(panel + size * r, bits);
    put(panel + size * panel_rows + 2 * r, static_cast<uint16_t>(k));
    panel += (size + 2) * panel_rows;
  }
  return true;
}

// Copies row `r`'s scale or minimum. False if it is not finite.
bool put_scale(Bytes half, int64_t r, uint8_t* halves) {
  const uint16_t scale = half_at(half);
  put(halves + 2 * r, scale);
  return is_finite_half(scale);
}

// Blocks of a scale, a minimum in some, and codes, which `put_codes` turns into those of row `r` of a panel's group.
template <int64_t block_bytes, PackedType type, bool has_minimum = false>
bool pack_block_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel,
                    void (*put_codes)(Bytes codes, int64_t r, uint8_t* group)) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += group_columns) {
    finite &= put_scale(row, r, panel);
    if (has_minimum) finite &= put_scale(row + 2, r, panel + 64);
    put_codes(row + (has_minimum ? 4 : 2), r, panel + (has_minimum ? 128 : 64));
    row += block_bytes;
    panel += kernels::panel_group_bytes(type);
  }
  return finite;
}

bool pack_q8_0_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  return pack_block_row<34, PackedType::q8_0>(
      row, columns, r, panel, [](Bytes codes, int64_t of_row, uint8_t* group) {
        for (int64_t quad = 0; quad < 8; ++quad)
          put(group + quad * 128 + 4 * of_row, word_at(codes + 4 * quad) ^ 0x80808080u);
      });
}

// Codes of five bits, minus 16, are bytes as q8_0 has them.
bool pack_q5_0_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  return pack_block_row<22, PackedType::q8_0>(
      row, columns, r, panel, [](Bytes codes, int64_t of_row, uint8_t* group) {
        const uint32_t fifths = word_at(codes);
        const auto quads = quads_of(codes + 4);
        for (size_t quad = 0; quad < 8; ++quad) {
          const uint32_t bits = fifths >> (4 * quad);
          const uint32_t high =
              (bits & 1) << 4 | (bits >> 1 & 1) << 12 | (bits >> 2 & 1) << 20 | (bits >> 3 & 1) << 28;
          put(group + static_cast<int64_t>(quad) * 128 + 4 * of_row, (quads[quad] | high) + 0x70707070u);
        }
      });
}

void put_block_nibbles(Bytes nibbles, int64_t r, uint8_t* group) {
  put_nibbles(quads_of(nibbles), r, group);
}

bool pack_q4_0_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  return pack_block_row<18, PackedType::q4_0>(row, columns, r, panel, put_block_nibbles);
}

bool pack_q4_1_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  return pack_block_row<20, PackedType::q4_1, true>(row, columns, r, panel, put_block_nibbles);
}

// The block's layout is in format/gguf_dequantize.cpp, as is that of q6_k.
bool pack_q4_k_row(Bytes row, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  for (int64_t k = 0; k < columns; k += k_groups * group_columns, row += 144) {
    finite &= put_scale(row, r, panel);
    finite &= put_scale(row + 2, r, panel + 64);
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
    finite &= put_scale(row + 208, r, panel);
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

// Four rows at once, for types that most models come in: the panel is written in vectors.
using PackFourRows = bool (*)(const std::array<Bytes, 4>& rows, int64_t columns, int64_t r, uint8_t* panel);

using FourWords = uint32_t __attribute__((vector_size(16)));

FourWords words_at(Bytes at) {
  FourWords words;
  std::memcpy(&words, at, sizeof words);
  return words;
}
void put(uint8_t* at, FourWords words) {
  std::memcpy(at, &words, sizeof words);
}

// Four words of each row, row after row, into rows r to r + 3 of four columns of words.
void put_four_words(FourWords a, FourWords b, FourWords c, FourWords d, int64_t r, uint8_t* columns) {
  const FourWords ab01 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                  ab23 = __builtin_shufflevector(a, b, 2, 6, 3, 7),
                  cd01 = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                  cd23 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  put(columns + 4 * r, __builtin_shufflevector(ab01, cd01, 0, 1, 4, 5));
  put(columns + 128 + 4 * r, __builtin_shufflevector(ab01, cd01, 2, 3, 6, 7));
  put(columns + 256 + 4 * r, __builtin_shufflevector(ab23, cd23, 0, 1, 4, 5));
  put(columns + 384 + 4 * r, __builtin_shufflevector(ab23, cd23, 2, 3, 6, 7));
}

bool pack_four_bf16_rows(const std::array<Bytes, 4>& rows, int64_t columns, int64_t r, uint8_t* panel) {
  const int64_t whole = columns / 8 * 8;
  const auto pairs = [&](size_t row, int64_t k) {  // the halves of each change places
    const FourWords words = words_at(rows[row] + 2 * k);
    return words << 16 | words >> 16;
  };
  for (int64_t k = 0; k < whole; k += 8)
    put_four_words(pairs(0, k), pairs(1, k), pairs(2, k), pairs(3, k), r, panel + k * 64);
  for (int64_t i = 0; i < 4; ++i)
    pack_bf16_row(rows[static_cast<size_t>(i)] + 2 * whole, columns - whole, r + i, panel + whole * 64);
  return true;
}

bool put_four_scales(const std::array<Bytes, 4>& rows, int64_t block, int64_t r, uint8_t* halves) {
  bool finite = true;
  for (int64_t i = 0; i < 4; ++i) finite &= put_scale(rows[static_cast<size_t>(i)] + block, r + i, halves);
  return finite;
}

bool pack_four_q8_0_rows(const std::array<Bytes, 4>& rows, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  int64_t block = 0;
  for (int64_t k = 0; k < columns; k += group_columns, block += 34, panel += 1088) {
    finite &= put_four_scales(rows, block, r, panel);
    for (int64_t half = 0; half < 2; ++half) {
      const auto codes = [&](size_t row) {
        return words_at(rows[row] + block + 2 + 16 * half) ^ 0x80808080u;
      };
      put_four_words(codes(0), codes(1), codes(2), codes(3), r, panel + 64 + 512 * half);
    }
  }
  return finite;
}

bool pack_four_q4_0_rows(const std::array<Bytes, 4>& rows, int64_t columns, int64_t r, uint8_t* panel) {
  bool finite = true;
  int64_t block = 0;
  for (int64_t k = 0; k < columns; k += group_columns, block += 18, panel += 576) {
    finite &= put_four_scales(rows, block, r, panel);
    // The block's words have columns 4w to 4w + 3 below and those 16 further above; put_nibbles wants those of even quads
    // below and of odd ones above.
    const auto nibbles = [&](size_t row) {
      const FourWords words = words_at(rows[row] + block + 2);
      const FourWords even = __builtin_shufflevector(words, words >> 4, 0, 2, 4, 6) & low_nibbles,
                      odd = __builtin_shufflevector(words << 4, words, 1, 3, 5, 7) & ~low_nibbles;
      return even | odd;
    };
    put_four_words(nibbles(0), nibbles(1), nibbles(2), nibbles(3), r, panel + 64);
  }
  return finite;
}

// Types whose rows go into panels without loss.
struct Packing {
  GgmlType from;
  PackedType to;
  PackRow pack;
  PackFourRows pack_four = nullptr;
};
constexpr auto packings = std::to_array<Packing>({
    {GgmlType::f32, PackedType::f32, pack_f32_row},
    {GgmlType::f16, PackedType::f16, pack_f16_row},
    {GgmlType::bf16, PackedType::bf16, pack_bf16_row, pack_four_bf16_rows},
    {GgmlType::q8_0, PackedType::q8_0, pack_q8_0_row, pack_four_q8_0_rows},
    {GgmlType::q5_0, PackedType::q8_0, pack_q5_0_row},
    {GgmlType::q4_0, PackedType::q4_0, pack_q4_0_row, pack_four_q4_0_rows},
    {GgmlType::q4_1, PackedType::q4_1, pack_q4_1_row},
    {GgmlType::q4_k, PackedType::q4_k, pack_q4_k_row},
    {GgmlType::q6_k, PackedType::q6_k, pack_q6_k_row},
    {GgmlType::bf16, PackedType::bf16_apart, pack_f16_row},  // two bytes of a number are two bytes
    {GgmlType::f32, PackedType::f32_2_of_4, pack_2_of_4_row<uint32_t, false>},
    {GgmlType::f16, PackedType::f16_2_of_4, pack_2_of_4_row<uint16_t, false>},
    {GgmlType::bf16, PackedType::bf16_2_of_4, pack_2_of_4_row<uint16_t, true>},
    {GgmlType::f32, PackedType::f32_condensed, pack_condensed_row<uint32_t>},
    {GgmlType::f16, PackedType::f16_condensed, pack_condensed_row<uint16_t>},
    {GgmlType::bf16, PackedType::bf16_condensed, pack_condensed_row<uint16_t>},
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

// Some rows of `source` as blocks of `type`, with zeros behind the last column.
std::vector<std::byte> rounded_rows(GgmlType type, const StoredRows& source,
                                    std::span<const std::byte> rows) {
  const auto floats = dequantize(static_cast<uint32_t>(source.type), rows, source.name);
  const int64_t block = ggml_type_info(type).block_elements;
  const int64_t padded = (source.columns + block - 1) / block * block;
  if (padded == source.columns) return quantize(type, floats, source.name);
  const int64_t count = static_cast<int64_t>(floats.size()) / source.columns;
  std::vector<float> wide(static_cast<size_t>(count * padded));
  for (int64_t row = 0; row < count; ++row)
    std::copy_n(floats.data() + row * source.columns, source.columns, wide.data() + row * padded);
  return quantize(type, wide, source.name);
}

// Asks for bytes that are soon read, or need not exist.
void prefetch(Bytes at, int64_t bytes) {
  constexpr int64_t line = 64;
  for (int64_t i = 0; i < bytes; i += line) __builtin_prefetch(at + i);
}

}  // namespace

std::optional<PackedType> panels_of(GgmlType type) {
  const Packing* packing = packing_of(type);
  return packing == nullptr ? std::nullopt : std::optional(packing->to);
}

int64_t packed_bytes(PackedType type, int64_t rows, int64_t inputs) {
  return (rows + panel_rows - 1) / panel_rows * kernels::panel_bytes(type, inputs);
}

namespace {

// How a matrix goes into panels of a type: as it is, or rounded to blocks first.
struct PackingPlan {
  const Packing& packing;
  bool rounds;
};

PackingPlan plan_for(PackedType type, GgmlType from) {
  const Packing* lossless = packing_of(from, type);
  if (lossless != nullptr) return {*lossless, false};
  return {*packing_of(blocks_for(type), type), true};
}

void pack_panel_by(const PackingPlan& plan, const PanelShape& shape, const StoredRows& source, int64_t index,
                   std::byte* out) {
  const PackedType type = shape.type;
  const bool condensed = kernels::is_condensed(type);
  // All rows are packed before the next columns are, so that the part of the panel that they lie in stays in the
  // first-level cache.
  const int64_t stretch = condensed ? source.columns : k_groups * group_columns;
  const GgmlTypeInfo& info = ggml_type_info(plan.packing.from);
  const int64_t stretch_bytes = stretch / info.block_elements * info.block_bytes;
  auto* panel = reinterpret_cast<uint8_t*>(out);
  const int64_t first = index * panel_rows, count = std::min<int64_t>(panel_rows, source.rows - first);
  if (count < panel_rows || condensed ||
      kernels::packed_groups(type, source.columns) * group_columns > source.columns)
    std::memset(panel, 0, static_cast<size_t>(kernels::panel_bytes(type, shape.inputs)));
  thread_local RowRoom room;
  const auto stored = source.look_at(first, first + count, room);
  std::vector<std::byte> rounded;
  if (plan.rounds) rounded = rounded_rows(plan.packing.from, source, stored);
  const Bytes rows = reinterpret_cast<Bytes>(plan.rounds ? rounded.data() : stored.data());
  const int64_t row_bytes = plan.rounds ? static_cast<int64_t>(rounded.size()) / count : source.row_bytes();
  for (int64_t column = 0; column < source.columns; column += stretch) {
    const int64_t columns = std::min(stretch, source.columns - column);
    const Bytes begin = rows + column / info.block_elements * info.block_bytes;
    uint8_t* out_columns = condensed ? panel : panel + kernels::panel_bytes(type, column);
    for (int64_t r = 0, taken = 0; r < count; r += taken) {
      const Bytes row = begin + r * row_bytes;
      const bool four = plan.packing.pack_four != nullptr && r + 4 <= count;
      taken = four ? 4 : 1;
      for (int64_t i = 0; i < taken; ++i) prefetch(row + i * row_bytes + stretch_bytes, stretch_bytes);
      const bool finite =
          four ? plan.packing.pack_four({row, row + row_bytes, row + 2 * row_bytes, row + 3 * row_bytes},
                                        columns, r, out_columns)
               : plan.packing.pack(row, columns, r, out_columns);
      if (!finite)
        throw Error({.where = source.name,
                     .found = fmt::format("a scale in rows {} to {} that is not finite", first + r,
                                          first + r + taken - 1),
                     .expected = "finite scales",
                     .advice = "the file is damaged or was made wrongly"});
    }
  }
}

}  // namespace

void pack_panel(const PanelShape& shape, const StoredRows& source, int64_t index, std::byte* out) {
  pack_panel_by(plan_for(shape.type, source.type), shape, source, index, out);
}

void pack_matrix(const PanelShape& shape, const StoredRows& source, std::byte* out) {
  const PackingPlan plan = plan_for(shape.type, source.type);
  const int64_t panels = (source.rows + panel_rows - 1) / panel_rows,
                bytes = kernels::panel_bytes(shape.type, shape.inputs);
  constexpr int64_t least_bytes = 1 << 16;  // that take longer than handing them to a thread
  parallel_for(panels, least_bytes / std::max<int64_t>(1, bytes), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) pack_panel_by(plan, shape, source, p, out + p * bytes);
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

float float32_at(Bytes at) {
  return std::bit_cast<float>(word_at(at));
}
float float16_at(Bytes at) {
  return f16_to_float(half_at(at));
}
float bfloat16_at(Bytes at) {
  return bf16_to_float(half_at(at));
}
using NumberAt = float (*)(Bytes);

// `first` and `second` are where the weights of row `r` lie in a quad.
void unpack_2_of_4(Bytes group, int64_t r, int64_t quad_bytes, int64_t first, int64_t second, NumberAt number,
                   float* out) {
  std::fill_n(out, group_columns, 0.0f);
  const uint32_t places = word_at(group + 8 * quad_bytes + 4 * r);
  for (int64_t quad = 0; quad < 8; ++quad, group += quad_bytes) {
    out[4 * quad + (places >> (4 * quad) & 3)] = number(group + first);
    out[4 * quad + (places >> (4 * quad + 2) & 3)] = number(group + second);
  }
}

void unpack_condensed(const PanelShape& shape, Bytes panel, int64_t r, int64_t columns, float* out) {
  const int64_t size = shape.type == PackedType::f32_condensed ? 4 : 2;
  const NumberAt number = size == 4                                 ? float32_at
                          : shape.type == PackedType::f16_condensed ? float16_at
                                                                    : bfloat16_at;
  std::fill_n(out, columns, 0.0f);
  for (int64_t j = 0; j < shape.inputs; ++j, panel += (size + 2) * panel_rows) {
    const float weight = number(panel + size * r);
    if (weight != 0) out[half_at(panel + size * panel_rows + 2 * r)] = weight;
  }
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
        out[k] = bf16_to_float(half_at(group + k / 2 * 128 + 4 * r + 2 - k % 2 * 2));
      return;
    case PackedType::bf16_apart:
      for (int64_t k = 0; k < group_columns; ++k) out[k] = bf16_to_float(half_at(group + k * 64 + 2 * r));
      return;
    case PackedType::f32_2_of_4:
      return unpack_2_of_4(group, r, 8 * panel_rows, 4 * r, 4 * (panel_rows + r), float32_at, out);
    case PackedType::f16_2_of_4:
      return unpack_2_of_4(group, r, 4 * panel_rows, 2 * r, 2 * (panel_rows + r), float16_at, out);
    case PackedType::bf16_2_of_4:
      return unpack_2_of_4(group, r, 4 * panel_rows, 4 * r + 2, 4 * r, bfloat16_at, out);
    case PackedType::f32_condensed:
    case PackedType::f16_condensed:
    case PackedType::bf16_condensed:
      COPPICE_CHECK(false, "condensed panels have no groups");
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

void unpack_row(const PanelShape& shape, const std::byte* panels, int64_t columns, int64_t row, float* out) {
  const PackedType type = shape.type;
  const auto* panel =
      reinterpret_cast<Bytes>(panels + row / panel_rows * kernels::panel_bytes(type, shape.inputs));
  if (kernels::is_condensed(type)) return unpack_condensed(shape, panel, row % panel_rows, columns, out);
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
