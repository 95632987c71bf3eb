#pragma once
// The element types of GGUF tensors: plain numbers and the block types of llama.cpp, in which a run of
// elements shares scales. Blocks lie along rows; a row is a whole number of blocks.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coppice {

// Numbers as in the file.
enum class GgmlType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  bf16 = 30,
};

struct GgmlTypeInfo {
  uint32_t number = 0;
  const char* name = "";       // "Q4_0"
  int64_t block_elements = 1;  // 1 for plain numbers
  int64_t block_bytes = 0;
};

// What is known of a type, also of those whose blocks Coppice cannot read, so that a file that has them can
// be listed; nullptr for a number that is no type.
const GgmlTypeInfo* find_ggml_type(uint32_t number);
const GgmlTypeInfo& ggml_type_info(GgmlType type);

bool can_dequantize(uint32_t number);

// The floats of whole blocks. A type that Coppice cannot read is an Error that names `where`.
std::vector<float> dequantize(uint32_t number, std::span<const std::byte> blocks, const std::string& where);

// Floats as blocks of any type that Coppice can read, but for f64. Types of 32 elements are rounded as llama.cpp's
// reference rounds, K types so that they give the floats back best; the floats' number is a multiple of the block. Values that are not finite, or too large for the type, are an Error that names `where`.
std::vector<std::byte> quantize(GgmlType type, std::span<const float> values, const std::string& where);

}  // namespace coppice
