#pragma once
// Writers of the block types whose parts have scales of their own: 256 floats into one block. What is sought is
// the block that gives the floats back best; the formats are those that gguf_dequantize.cpp reads.

#include <cstdint>

namespace coppice {

inline constexpr int k_block_elements = 256;

void write_q4_k(const float* x, uint8_t* block);
void write_q5_k(const float* x, uint8_t* block);
void write_q6_k(const float* x, uint8_t* block);

}  // namespace coppice
