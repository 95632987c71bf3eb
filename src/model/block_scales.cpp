#include "model/block_scales.h"

#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "format/float16.h"
#include "model/arch/config_keys.h"

namespace coppice {

std::vector<int64_t> BlockScales::shape_for(const std::vector<int64_t>& matrix) const {
  return {(matrix[0] + rows - 1) / rows, (matrix[1] + columns - 1) / columns};
}

std::optional<BlockScales> read_block_scales(const Json& config, const std::string& where) {
  const auto found = config.is_object() ? config.find("quantization_config") : config.end();
  if (found == config.end() || found->is_null()) return std::nullopt;
  const std::string place = where + ".quantization_config";
  if (!found->is_object())
    throw Error({.where = place, .found = to_line(*found).substr(0, 60), .expected = "an object"});
  for (const auto& [key, value] : found->items())
    if (key != "quant_method" && key != "fmt" && key != "weight_block_size" && key != "activation_scheme" &&
        key != "modules_to_not_convert")
      throw Error({.where = place,
                   .found = fmt::format("key '{}', which may change the computation", key.substr(0, 80)),
                   .expected = "keys of FP8 weights with scales by block"});
  config_must_be(*found, "quant_method", "fp8", place);
  config_must_be(*found, "fmt", "e4m3", place);
  config_required<std::string>(*found, "quant_method", place);
  const auto size = config_required<std::vector<int64_t>>(*found, "weight_block_size", place);
  if (size.size() != 2 || size[0] < 1 || size[1] < 1 || size[0] > 1 << 24 || size[1] > 1 << 24)
    throw Error({.where = place + ".weight_block_size",
                 .found = to_line((*found)["weight_block_size"]).substr(0, 60),
                 .expected = "rows and columns of a block"});
  return BlockScales{size[0], size[1]};
}

std::string scales_name(const std::string& file_name) {
  return file_name + "_scale_inv";
}

std::vector<float> scaled_floats(const TensorView& matrix, const TensorView& scales,
                                 const BlockScales& blocks, const std::string& where) {
  const int64_t rows = matrix.shape[0], columns = matrix.shape[1];
  const std::vector<float> factors = scales.to_floats();
  std::vector<float> products(static_cast<size_t>(rows * columns));
  const int64_t across = scales.shape[1];
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        const auto at = static_cast<size_t>(row * columns + column);
        const float factor =
            factors[static_cast<size_t>(row / blocks.rows * across + column / blocks.columns)];
        products[at] = f8_e4m3_to_float(static_cast<uint8_t>(matrix.bytes[at])) * factor;
      }
  });
  for (const float product : products)
    if (!std::isfinite(product))
      throw Error({.where = where, .found = fmt::format("{}", product), .expected = "finite numbers"});
  return products;
}

}  // namespace coppice
