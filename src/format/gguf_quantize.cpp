// Floats -> blocks. Types of 32 elements are rounded as llama.cpp's reference rounds (quantize_row_*_ref), so that
// files are equal to its own bit for bit; K types leave a choice of scales, for which gguf_quantize_k.cpp searches.
// This file is compiled without contraction into fused multiply-adds, which would round differently.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "format/float16.h"
#include "format/gguf_quantize_k.h"
#include "format/gguf_types.h"

namespace coppice {
namespace {

void put_u16(uint8_t* out, uint16_t value) {
  std::memcpy(out, &value, sizeof value);
}

// Of scales so small that their F16 is zero anyway.
float finite_or_zero(float x) {
  return std::isfinite(x) ? x : 0.0f;
}

void f32(const float* x, uint8_t* block) {
  std::memcpy(block, x, sizeof *x);
}
void f16(const float* x, uint8_t* block) {
  put_u16(block, float_to_f16(*x));
}
void bf16(const float* x, uint8_t* block) {
  put_u16(block, float_to_bf16(*x));
}

// d = max |x| / 127, q = round(x / d), halves away from zero.
void q8_0(const float* x, uint8_t* block) {
  float largest = 0;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float d = largest / 127.0f, inverse = d != 0 ? finite_or_zero(1.0f / d) : 0.0f;
  put_u16(block, float_to_f16(d));
  for (int i = 0; i < 32; ++i)
    block[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::round(x[i] * inverse)));
}

// The element of largest magnitude, the first of equals.
float extreme_of(const float* x) {
  float extreme = 0, largest = 0;
  for (int i = 0; i < 32; ++i) {
    if (std::fabs(x[i]) <= largest) continue;
    largest = std::fabs(x[i]);
    extreme = x[i];
  }
  return extreme;
}

// Nibbles and, for types of five bits, the fifth ones in 32 bits before them.
void put_levels(const std::array<int, 32>& q, bool five, uint8_t* at) {
  if (five) {
    uint32_t high = 0;
    for (size_t i = 0; i < 32; ++i) high |= static_cast<uint32_t>(q[i] >> 4 & 1) << i;
    std::memcpy(at, &high, sizeof high);
    at += sizeof high;
  }
  for (size_t i = 0; i < 16; ++i) at[i] = static_cast<uint8_t>((q[i] & 15) | (q[16 + i] & 15) << 4);
}

// d = the element of largest magnitude / -2^(bits-1), so that it becomes q = 0 exactly;
// q = trunc(x / d + 2^(bits-1) + 0.5), at most 2^bits - 1.
void without_minimum(const float* x, int bits, uint8_t* block) {
  const int middle = 1 << (bits - 1);
  const float d = extreme_of(x) / static_cast<float>(-middle),
              inverse = d != 0 ? finite_or_zero(1.0f / d) : 0.0f;
  put_u16(block, float_to_f16(d));
  std::array<int, 32> q{};
  for (size_t i = 0; i < 32; ++i)
    q[i] = std::min(2 * middle - 1, static_cast<int>(x[i] * inverse + (static_cast<float>(middle) + 0.5f)));
  put_levels(q, bits == 5, block + 2);
}
void q4_0(const float* x, uint8_t* block) {
  without_minimum(x, 4, block);
}
void q5_0(const float* x, uint8_t* block) {
  without_minimum(x, 5, block);
}

// d = (max - min) / (2^bits - 1), q = trunc((x - min) / d + 0.5).
void with_minimum(const float* x, int bits, uint8_t* block) {
  const int most = (1 << bits) - 1;
  const auto [low, high] = std::minmax_element(x, x + 32);
  const float d = (*high - *low) / static_cast<float>(most),
              inverse = d != 0 ? finite_or_zero(1.0f / d) : 0.0f;
  put_u16(block, float_to_f16(d));
  put_u16(block + 2, float_to_f16(*low));
  std::array<int, 32> q{};
  for (size_t i = 0; i < 32; ++i) q[i] = std::min(most, static_cast<int>((x[i] - *low) * inverse + 0.5f));
  put_levels(q, bits == 5, block + 4);
}
void q4_1(const float* x, uint8_t* block) {
  with_minimum(x, 4, block);
}
void q5_1(const float* x, uint8_t* block) {
  with_minimum(x, 5, block);
}

struct BlockWriter {
  GgmlType type;
  void (*write)(const float* x, uint8_t* block);
  float largest;  // magnitude that the type, or its scale, still holds
};

constexpr float largest_half = 65504;
constexpr auto writers = std::to_array<BlockWriter>({{GgmlType::f32, f32, INFINITY},
                                                     {GgmlType::bf16, bf16, 3.3895314e38f},
                                                     {GgmlType::f16, f16, largest_half},
                                                     {GgmlType::q8_0, q8_0, 127 * largest_half},
                                                     {GgmlType::q4_0, q4_0, 8 * largest_half},
                                                     {GgmlType::q4_1, q4_1, largest_half},
                                                     {GgmlType::q5_0, q5_0, 16 * largest_half},
                                                     {GgmlType::q5_1, q5_1, largest_half},
                                                     {GgmlType::q4_k, write_q4_k, 63 * largest_half},
                                                     {GgmlType::q5_k, write_q5_k, 63 * largest_half},
                                                     {GgmlType::q6_k, write_q6_k, 4096 * largest_half}});

}  // namespace

std::vector<std::byte> quantize(GgmlType type, std::span<const float> values, const std::string& where) {
  const BlockWriter* writer = nullptr;
  for (const auto& known : writers)
    if (known.type == type) writer = &known;
  COPPICE_CHECK(writer != nullptr, "a type that can be written");
  const GgmlTypeInfo& info = ggml_type_info(type);
  const auto elements = static_cast<size_t>(info.block_elements),
             bytes = static_cast<size_t>(info.block_bytes);
  COPPICE_CHECK(values.size() % elements == 0, "whole blocks");
  for (const float value : values)
    if (!std::isfinite(value) || std::fabs(value) > writer->largest)
      throw Error({.where = where,
                   .found = fmt::format("the value {}", value),
                   .expected = fmt::format("finite numbers that {} holds", info.name),
                   .advice = std::isfinite(value) ? "take bf16 or f32" : ""});
  std::vector<std::byte> blocks(values.size() / elements * bytes);
  auto* out = reinterpret_cast<uint8_t*>(blocks.data());
  parallel_for(static_cast<int64_t>(values.size() / elements), 1 << 8, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      writer->write(values.data() + i * elements, out + i * bytes);
  });
  return blocks;
}

}  // namespace coppice
