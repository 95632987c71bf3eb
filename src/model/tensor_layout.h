#pragma once
// Tensors between their canonical form, (out, in) and each alone, and the form in which a family's files hold
// them: transposed, or several stacked into one.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "format/safetensors.h"
#include "model/arch/families.h"

namespace coppice {

// What a family's files call a tensor of tensor_table, when every expert has its own.
std::string file_name_of(const Family& family, const std::string& canonical_name, const ModelSpec& spec);

// What a family's files call a tensor of tensor_table, or the one that it is part of, and how it lies there.
struct TensorPlace {
  std::string file_name;
  TensorLayout layout;
};
// With packed experts the family must have files of that kind.
TensorPlace place_of(const Family& family, ExpertTensors experts, const TensorSpec& tensor,
                     const ModelSpec& spec);

// The shape of the tensor of a file that holds `tensor`.
std::vector<int64_t> stored_shape(const TensorSpec& tensor, const TensorLayout& layout);

// The canonical bytes of `tensor` out of the stored bytes, whose elements have `element` bytes.
std::vector<std::byte> take_out(const TensorSpec& tensor, const TensorLayout& layout,
                                std::span<const std::byte> stored, size_t element);

// Puts the canonical bytes of `tensor` in their place among the stored ones.
void put_in(const TensorSpec& tensor, const TensorLayout& layout, std::span<const std::byte> canonical,
            std::span<std::byte> stored, size_t element);

}  // namespace coppice
