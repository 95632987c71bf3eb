#pragma once
// NumPy's array format, version 1.0.

#include <cstdint>
#include <string>

namespace coppice {

// What comes before the data of a float32 matrix in C order; its length is a multiple of 64.
std::string npy_header(int64_t rows, int64_t columns);

}  // namespace coppice
