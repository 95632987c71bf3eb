#include "model/weights.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/parallel.h"
#include "format/float16.h"
#include "kernels/isa.h"

namespace coppice {
namespace {

using kernels::Element;

template <class T>
T element_at(const TensorView& view, int64_t index) {
  T value;
  std::memcpy(&value, view.bytes.data() + static_cast<size_t>(index) * sizeof(T), sizeof(T));
  return value;
}

float float_at(const TensorView& view, int64_t index) {
  switch (view.dtype) {
    case DType::f32:
      return element_at<float>(view, index);
    case DType::bf16:
      return bf16_to_float(element_at<uint16_t>(view, index));
    case DType::f16:
      return f16_to_float(element_at<uint16_t>(view, index));
    case DType::f64:
      return static_cast<float>(element_at<double>(view, index));
    default:
      throw Error({.where = view.name,
                   .found = "elements of type " + dtype_name(view.dtype),
                   .expected = "floating point"});
  }
}

void put(std::byte* out, Element element, int64_t index, float value) {
  if (element == Element::bf16) {
    const uint16_t bits = float_to_bf16(value);
    std::memcpy(out + index * 2, &bits, 2);
  } else {
    std::memcpy(out + index * 4, &value, 4);
  }
}

int64_t size_of(Element element) {
  return element == Element::bf16 ? 2 : 4;
}

}  // namespace

void copy_row(const Matrix& matrix, int64_t row, float* out) {
  const auto* bytes = static_cast<const std::byte*>(matrix.data) + row * matrix.row_bytes();
  if (matrix.element == Element::bf16)
    kernels::active().widen(reinterpret_cast<const uint16_t*>(bytes), out, matrix.columns);
  else
    std::memcpy(out, bytes, static_cast<size_t>(matrix.row_bytes()));
}

WeightStore::WeightStore(std::shared_ptr<const ModelFiles> files, WeightType type)
    : files_(std::move(files)), type_(type) {}

void WeightStore::Free::operator()(std::byte* memory) const {
  std::free(memory);
}

std::byte* WeightStore::allocate(int64_t bytes) {
  constexpr size_t alignment = 64;
  const size_t size = (static_cast<size_t>(bytes) + alignment) / alignment * alignment;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(alignment, size));
  if (memory == nullptr) throw std::bad_alloc();
  owned_.emplace_back(memory);
  return memory;
}

Element WeightStore::element_for(const TensorView& view) const {
  if (type_ == WeightType::as_stored) return view.dtype == DType::bf16 ? Element::bf16 : Element::f32;
  return type_ == WeightType::bf16 ? Element::bf16 : Element::f32;
}

Matrix WeightStore::matrix(const std::string& name) {
  const TensorView view = files_->tensor(name);
  COPPICE_CHECK(view.shape.size() == 2, name);
  Matrix matrix{.element = element_for(view), .rows = view.shape[0], .columns = view.shape[1]};
  const bool same_type = view.dtype == (matrix.element == Element::bf16 ? DType::bf16 : DType::f32);
  const bool aligned =
      std::bit_cast<uintptr_t>(view.bytes.data()) % static_cast<uintptr_t>(size_of(matrix.element)) == 0;
  if (same_type && aligned) {
    matrix.data = view.bytes.data();
    if (view.memory) used_in_place_.push_back(view.memory);
    return matrix;
  }
  std::byte* out = allocate(matrix.bytes());
  matrix.data = out;
  constexpr int64_t elements_per_task = 1 << 16;
  parallel_for(matrix.rows * matrix.columns, elements_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) put(out, matrix.element, i, float_at(view, i));
  });
  return matrix;
}

Matrix WeightStore::transposed(const std::string& name) {
  const TensorView view = files_->tensor(name);
  COPPICE_CHECK(view.shape.size() == 2, name);
  Matrix matrix{.element = element_for(view), .rows = view.shape[1], .columns = view.shape[0]};
  std::byte* out = allocate(matrix.bytes());
  matrix.data = out;
  constexpr int64_t block = 32;  // squares that stay in the first-level cache
  parallel_for((matrix.rows + block - 1) / block, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row_block = begin * block; row_block < end * block; row_block += block)
      for (int64_t column_block = 0; column_block < matrix.columns; column_block += block)
        for (int64_t row = row_block; row < std::min(row_block + block, matrix.rows); ++row)
          for (int64_t column = column_block; column < std::min(column_block + block, matrix.columns);
               ++column)
            put(out, matrix.element, row * matrix.columns + column,
                float_at(view, column * matrix.rows + row));
  });
  return matrix;
}

std::vector<float> WeightStore::vector(const std::string& name) const {
  return files_->tensor(name).to_floats();
}

std::vector<int32_t> WeightStore::rows(const std::string& name, int64_t limit) const {
  const TensorView view = files_->tensor(name);
  std::vector<int32_t> rows(static_cast<size_t>(view.count()));
  int64_t previous = -1;
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t index = static_cast<int64_t>(i);
    int64_t row = 0;
    if (view.dtype == DType::i32)
      row = element_at<int32_t>(view, index);
    else if (view.dtype == DType::i64)
      row = element_at<int64_t>(view, index);
    else
      throw Error({.where = name, .found = "elements of type " + dtype_name(view.dtype), .expected = "I32"});
    if (row <= previous || row >= limit)
      throw Error({.where = name,
                   .found = fmt::format("neuron {} after {}", row, previous),
                   .expected = fmt::format("ascending numbers from 0 to {}", limit - 1)});
    previous = row;
    rows[i] = static_cast<int32_t>(row);
  }
  return rows;
}

}  // namespace coppice
