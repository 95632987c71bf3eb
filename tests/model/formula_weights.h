#pragma once
// The weights of the models whose expected outputs tests/reference/ computes.

#include <cstdint>
#include <string>
#include <vector>

namespace coppice::test {

// The formula of tests/reference/common.py.
inline std::vector<float> weights_of(const std::string& name, const std::vector<int64_t>& shape) {
  uint64_t key = 0xCBF29CE484222325;
  for (const char c : name) key = (key ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  const bool row = shape.size() == 1;
  const double centre = row && name.ends_with(".weight") ? 1 : 0;
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t z = key + static_cast<uint64_t>(i + 1) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    const double uniform = static_cast<double>(z >> 11) * 0x1p-53 * 2 - 1;
    values.push_back(static_cast<float>((row ? 0.3 : 0.5) * uniform + centre));
  }
  return values;
}

}  // namespace coppice::test
