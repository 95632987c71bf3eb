#pragma once
// NumPy's array format: a magic, a version, the length of a header that is a Python dictionary, and the elements.

#include <cstdint>
#include <string>

#include "format/safetensors.h"

namespace coppice {

// What comes before the data of a float32 matrix in C order; its length is a multiple of 64.
std::string npy_header(int64_t rows, int64_t columns);

// The array of a file of version 1 to 3, in C order, of little-endian numbers or bytes. Errors say what else it is; a
// file that is too short or too long is one.
TensorView parse_npy(std::span<const std::byte> bytes, const std::string& where);

}  // namespace coppice
