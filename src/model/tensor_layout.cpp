#include "model/tensor_layout.h"

#include <cstring>

#include "base/parallel.h"
#include "model/arch/experts.h"

namespace coppice {
namespace {

// Calls move(canonical index, stored index, elements) for every run of elements that lies together in both.
template <class Move>
void for_each_run(const TensorSpec& tensor, const TensorLayout& layout, const Move& move) {
  const int64_t rows = tensor.shape[0], columns = rows == 0 ? 0 : tensor.count() / rows;
  if (!layout.transposed) {
    const int64_t part = rows / layout.parts, stride = layout.fused_rows / layout.parts;
    for (int64_t i = 0; i < layout.parts; ++i)
      move(i * part * columns, (i * stride + layout.first_row) * columns, part * columns);
    return;
  }
  const int64_t stride = layout.fused_rows > 0 ? layout.fused_rows : rows;
  constexpr int64_t block = 32;  // squares that stay in the first-level cache
  parallel_for((rows + block - 1) / block, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row_block = begin * block; row_block < end * block; row_block += block)
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t row = row_block; row < std::min(row_block + block, rows); ++row)
          move(row * columns + column, column * stride + layout.first_row + row, int64_t{1});
  });
}

size_t bytes_of(int64_t elements, size_t element) {
  return static_cast<size_t>(elements) * element;
}

}  // namespace

std::string file_name_of(const Family& family, const std::string& canonical_name, const ModelSpec& spec) {
  return family.file_name_for ? family.file_name_for(canonical_name, spec) : family.file_name(canonical_name);
}

TensorPlace place_of(const Family& family, ExpertTensors experts, const TensorSpec& tensor,
                     const ModelSpec& spec) {
  const TensorLayout plain = family.layout ? family.layout(tensor, spec) : TensorLayout{};
  if (experts == ExpertTensors::separate) return {file_name_of(family, tensor.name, spec), plain};
  return {family.packed_file_name(tensor.name), packed_experts_layout(tensor, spec).value_or(plain)};
}

std::vector<int64_t> stored_shape(const TensorSpec& tensor, const TensorLayout& layout) {
  std::vector<int64_t> shape = tensor.shape;
  if (layout.fused_rows > 0) shape[0] = layout.fused_rows;
  if (layout.transposed) std::swap(shape.front(), shape.back());
  if (layout.experts > 0) {
    shape[0] /= layout.experts;
    shape.insert(shape.begin(), layout.experts);
  }
  if (layout.one_row) shape.insert(shape.begin(), 1);
  return shape;
}

std::vector<std::byte> take_out(const TensorSpec& tensor, const TensorLayout& layout,
                                std::span<const std::byte> stored, size_t element) {
  std::vector<std::byte> canonical(bytes_of(tensor.count(), element));
  for_each_run(tensor, layout, [&](int64_t to, int64_t from, int64_t count) {
    if (count > 0)
      std::memcpy(canonical.data() + bytes_of(to, element), stored.data() + bytes_of(from, element),
                  bytes_of(count, element));
  });
  return canonical;
}

void put_in(const TensorSpec& tensor, const TensorLayout& layout, std::span<const std::byte> canonical,
            std::span<std::byte> stored, size_t element) {
  for_each_run(tensor, layout, [&](int64_t from, int64_t to, int64_t count) {
    if (count > 0)
      std::memcpy(stored.data() + bytes_of(to, element), canonical.data() + bytes_of(from, element),
                  bytes_of(count, element));
  });
}

}  // namespace coppice
