#pragma once
// Matrices of FP8 numbers with a scale for every block, as DeepSeek-V3 (2024) is published: element (i, j) of `X.weight`
// times element (i / rows, j / columns) of `X.weight_scale_inv`.

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "format/safetensors.h"

namespace coppice {

struct BlockScales {
  int64_t rows = 128, columns = 128;

  // The shape of the scales of a matrix.
  std::vector<int64_t> shape_for(const std::vector<int64_t>& matrix) const;
};

// quantization_config of config.json; nothing if there is none. Another way of quantizing is an Error.
std::optional<BlockScales> read_block_scales(const Json& config, const std::string& where);

// The name of the scales of a tensor of such numbers.
std::string scales_name(const std::string& file_name);

// The products. Numbers that are not finite are Errors.
std::vector<float> scaled_floats(const TensorView& matrix, const TensorView& scales,
                                 const BlockScales& blocks, const std::string& where);

}  // namespace coppice
