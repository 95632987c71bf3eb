// Floats -> blocks, with the rounding of llama.cpp's reference (quantize_row_*_ref), so that files are equal
// to its own bit for bit. This file is compiled without contraction into fused multiply-adds, which would
// round differently.

#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/parallel.h"
#include "format/float16.h"
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

// d = the element of largest magnitude / -8, so that it becomes q = 0 exactly; q = trunc(x / d + 8.5), at
// most 15.
void q4_0(const float* x, uint8_t* block) {
  float extreme = 0, largest = 0;
  for (int i = 0; i < 32; ++i) {
    if (std::fabs(x[i]) <= largest) continue;
    largest = std::fabs(x[i]);
    extreme = x[i];
  }
  const float d = extreme / -8.0f, inverse = d != 0 ? finite_or_zero(1.0f / d) : 0.0f;
  put_u16(block, float_to_f16(d));
  const auto quant = [&](int i) { return std::min(15, static_cast<int>(x[i] * inverse + 8.5f)); };
  for (int i = 0; i < 16; ++i) block[2 + i] = static_cast<uint8_t>(quant(i) | quant(16 + i) << 4);
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
                                                     {GgmlType::q4_0, q4_0, 8 * largest_half}});

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
  parallel_for(static_cast<int64_t>(values.size() / elements), 1 << 12, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      writer->write(values.data() + i * elements, out + i * bytes);
  });
  return blocks;
}

}  // namespace coppice
