// Blocks -> floats. A block type is a scale (and for some a minimum) in F16 and small integers q: x = d * q,
// x = d * (q - middle) or x = d * q + m. K types have 256 elements, whose parts of 16 or 32 have scales of
// their own, integers themselves.

#include <array>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "format/float16.h"
#include "format/gguf_types.h"

namespace coppice {
namespace {

using Bytes = const uint8_t*;

uint16_t u16_at(Bytes at) {
  return static_cast<uint16_t>(at[0] | at[1] << 8);
}
uint32_t u32_at(Bytes at) {
  return u16_at(at) | static_cast<uint32_t>(u16_at(at + 2)) << 16;
}
float half_at(Bytes at) {
  return f16_to_float(u16_at(at));
}

template <class T>
void plain(Bytes block, float* out) {
  T value;
  std::memcpy(&value, block, sizeof value);
  out[0] = static_cast<float>(value);
}

void f16(Bytes block, float* out) {
  out[0] = half_at(block);
}
void bf16(Bytes block, float* out) {
  out[0] = bf16_to_float(u16_at(block));
}

// d, 32 x i8
void q8_0(Bytes block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

// Nibbles: the low ones are elements 0 to 15, the high ones 16 to 31.
int nibble(Bytes quants, int i) {
  return i < 16 ? quants[i] & 15 : quants[i - 16] >> 4;
}

// d, 16 bytes of nibbles
void q4_0(Bytes block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(nibble(block + 2, i) - 8);
}

// d, m, 16 bytes of nibbles
void q4_1(Bytes block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(nibble(block + 4, i)) * d + m;
}

// d, 32 fifth bits, 16 bytes of nibbles
void q5_0(Bytes block, float* out) {
  const float d = half_at(block);
  const uint32_t high = u32_at(block + 2);
  for (int i = 0; i < 32; ++i) {
    const int q = nibble(block + 6, i) | static_cast<int>(high >> i & 1) << 4;
    out[i] = d * static_cast<float>(q - 16);
  }
}

// d, m, 32 fifth bits, 16 bytes of nibbles
void q5_1(Bytes block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  const uint32_t high = u32_at(block + 4);
  for (int i = 0; i < 32; ++i) {
    const int q = nibble(block + 8, i) | static_cast<int>(high >> i & 1) << 4;
    out[i] = static_cast<float>(q) * d + m;
  }
}

struct ScaleAndMin {
  int scale, min;
};

// Part j of the eight 6-bit scales and minima that Q4_K and Q5_K pack into 12 bytes.
ScaleAndMin part_scale(Bytes packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6) << 4};
}

// Eight parts of 32: d, d of minima, 12 bytes of scales, then 32 bytes for every two parts: low and high
// nibbles. `high` has the fifth bits, bit j of byte l for element l of part j; nullptr if there are none.
void k_with_minima(Bytes block, Bytes high, Bytes quants, float* out) {
  const float d = half_at(block), minimum = half_at(block + 2);
  for (int j = 0; j < 8; ++j) {
    const auto [scale, min] = part_scale(block + 4, j);
    const float part_d = d * static_cast<float>(scale), part_min = minimum * static_cast<float>(min);
    for (int l = 0; l < 32; ++l) {
      const int byte = quants[j / 2 * 32 + l];
      int q = j % 2 == 0 ? byte & 15 : byte >> 4;
      if (high != nullptr) q += (high[l] >> j & 1) << 4;
      out[j * 32 + l] = part_d * static_cast<float>(q) - part_min;
    }
  }
}

void q4_k(Bytes block, float* out) {
  k_with_minima(block, nullptr, block + 16, out);
}
void q5_k(Bytes block, float* out) {
  k_with_minima(block, block + 16, block + 48, out);
}

// 128 bytes of low nibbles, 64 bytes of upper bit pairs, 16 x i8 scales of 16 elements each, d. Each half of
// 128 elements has four rows of 32: nibbles of rows 0 and 2 share bytes, so do 1 and 3; a byte of pairs has
// all four.
void q6_k(Bytes block, float* out) {
  const float d = half_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    const Bytes low = block + half * 64, high = block + 128 + half * 32, scales = block + 192 + half * 8;
    for (int row = 0; row < 4; ++row)
      for (int l = 0; l < 32; ++l) {
        const int byte = low[row % 2 * 32 + l];
        const int q = (row < 2 ? byte & 15 : byte >> 4) | (high[l] >> (2 * row) & 3) << 4;
        const auto scale = static_cast<int8_t>(scales[row * 2 + l / 16]);
        out[half * 128 + row * 32 + l] = d * static_cast<float>(scale) * static_cast<float>(q - 32);
      }
  }
}

struct BlockReader {
  GgmlType type;
  void (*read)(Bytes block, float* out);
};

constexpr auto readers = std::to_array<BlockReader>({{GgmlType::f32, plain<float>},
                                                     {GgmlType::f64, plain<double>},
                                                     {GgmlType::f16, f16},
                                                     {GgmlType::bf16, bf16},
                                                     {GgmlType::q8_0, q8_0},
                                                     {GgmlType::q4_0, q4_0},
                                                     {GgmlType::q4_1, q4_1},
                                                     {GgmlType::q5_0, q5_0},
                                                     {GgmlType::q5_1, q5_1},
                                                     {GgmlType::q4_k, q4_k},
                                                     {GgmlType::q5_k, q5_k},
                                                     {GgmlType::q6_k, q6_k}});

const BlockReader* reader_of(uint32_t number) {
  for (const auto& reader : readers)
    if (static_cast<uint32_t>(reader.type) == number) return &reader;
  return nullptr;
}

}  // namespace

bool can_dequantize(uint32_t number) {
  return reader_of(number) != nullptr;
}

std::vector<float> dequantize(uint32_t number, std::span<const std::byte> blocks, const std::string& where) {
  const BlockReader* reader = reader_of(number);
  const GgmlTypeInfo* type = find_ggml_type(number);
  COPPICE_CHECK(type != nullptr, "a known type");
  if (reader == nullptr) {
    std::string known;
    for (const auto& other : readers)
      known += (known.empty() ? "" : ", ") + std::string(ggml_type_info(other.type).name);
    throw Error({.where = where,
                 .found = fmt::format("weights of type {}", type->name),
                 .expected = "one of " + known,
                 .advice = "take the model in one of those types"});
  }
  const auto block_bytes = static_cast<size_t>(type->block_bytes);
  COPPICE_CHECK(blocks.size() % block_bytes == 0, "whole blocks");
  const size_t count = blocks.size() / block_bytes;
  std::vector<float> values(count * static_cast<size_t>(type->block_elements));
  const auto* bytes = reinterpret_cast<Bytes>(blocks.data());
  const auto elements = static_cast<size_t>(type->block_elements);
  parallel_for(static_cast<int64_t>(count), 1 << 12, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      reader->read(bytes + i * block_bytes, values.data() + i * elements);
  });
  return values;
}

}  // namespace coppice
