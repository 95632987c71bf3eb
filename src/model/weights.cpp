#include "model/weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>

#include <sys/mman.h>

#include "base/parallel.h"
#include "format/float16.h"
#include "kernels/isa.h"
#include "model/fastest_panels.h"
#include "model/panel_reader.h"

namespace coppice {
namespace {

using kernels::Element;
using kernels::PackedType;

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

int64_t Matrix::row_bytes() const {
  switch (form) {
    case MatrixForm::rows:
      return columns * size_of(element);
    case MatrixForm::panels:
      return kernels::panel_bytes(panel_shape.type, panel_shape.inputs) / kernels::panel_rows;
    case MatrixForm::stored:
      return columns / ggml_type_info(type).block_elements * ggml_type_info(type).block_bytes;
  }
  COPPICE_CHECK(false, "every form has a size");
}

int64_t Matrix::bytes() const {
  return form == MatrixForm::panels ? packed_bytes(panel_shape.type, rows, panel_shape.inputs)
                                    : rows * row_bytes();
}

void copy_row(const Matrix& matrix, int64_t row, float* out) {
  if (matrix.form == MatrixForm::panels) {
    thread_local PanelRoom room;
    PanelReader panels(kernels::active_packed(), matrix, room);
    panels.go_to(row);
    return unpack_row(matrix.panel_shape, panels.panel(), matrix.columns, row % kernels::panel_rows, out);
  }
  const auto* data = static_cast<const std::byte*>(matrix.data);
  const auto* bytes = data + row * matrix.row_bytes();
  if (matrix.form == MatrixForm::stored) {
    const auto floats = dequantize(static_cast<uint32_t>(matrix.type),
                                   {bytes, static_cast<size_t>(matrix.row_bytes())}, "embedding");
    std::copy(floats.begin(), floats.end(), out);
  } else if (matrix.element == Element::bf16) {
    kernels::active().widen(reinterpret_cast<const uint16_t*>(bytes), out, matrix.columns);
  } else {
    std::memcpy(out, bytes, static_cast<size_t>(matrix.row_bytes()));
  }
}

WeightStore::WeightStore(std::shared_ptr<const ModelFiles> files, WeightType type, PackWhen when)
    : files_(std::move(files)), type_(type), when_(when) {}

void WeightStore::Unmap::operator()(std::byte* memory) const {
  ::munmap(memory, size);
}

std::byte* WeightStore::allocate(int64_t bytes) {
  constexpr size_t alignment = 64, page = size_t{2} << 20, piece = size_t{256} << 20;
  const size_t size = (static_cast<size_t>(bytes) + alignment - 1) / alignment * alignment;
  if (pieces_.empty() || pieces_.back().get_deleter().size - used_ < size) {
    const size_t whole = std::max(piece, (size + page - 1) / page * page);
    void* memory =
        ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    ::madvise(memory, whole, MADV_HUGEPAGE);
    pieces_.emplace_back(static_cast<std::byte*>(memory), Unmap{whole});
    used_ = 0;
  }
  std::byte* memory = pieces_.back().get() + used_;
  used_ += size;
  return memory;
}

Element WeightStore::element_for(const TensorView& view) const {
  if (type_ == WeightType::f32) return Element::f32;
  if (type_ == WeightType::bf16) return Element::bf16;
  return view.dtype == DType::bf16 ? Element::bf16 : Element::f32;
}

PackedType panels_for(WeightType wanted, GgmlType stored, int64_t columns) {
  const bool whole_blocks = columns % (kernels::k_groups * kernels::group_columns) == 0;
  switch (wanted) {
    case WeightType::f32:
      return PackedType::f32;
    case WeightType::bf16:
      return PackedType::bf16;
    case WeightType::q8_0:
      return PackedType::q8_0;
    case WeightType::q4_0:
      return PackedType::q4_0;
    case WeightType::q6_k:
      return whole_blocks ? PackedType::q6_k : PackedType::q8_0;
    case WeightType::q4_k:
      return whole_blocks ? PackedType::q4_k : PackedType::q8_0;
    case WeightType::as_stored:
      if (stored == GgmlType::f64) return PackedType::f32;
      return panels_of(stored).value_or(PackedType::q8_0);
  }
  COPPICE_CHECK(false, "every type of weights has panels");
}

Matrix panels_for(const ModelFiles& files, const std::string& name, WeightType wanted) {
  const TensorForm form = files.form(name);
  COPPICE_CHECK(form.shape.size() == 2, name);
  return {.form = MatrixForm::panels,
          .panel_shape = {panels_for(wanted, form.type, form.shape[1]), form.shape[1]},
          .rows = form.shape[0],
          .columns = form.shape[1]};
}

StoredMatrix WeightStore::stored(const std::string& name) const {
  StoredMatrix matrix = files_->matrix(name);
  if (matrix.memory != nullptr) files_->release_pages();  // what it was made of
  return matrix;
}

void WeightStore::choose_panels(Matrix& matrix, const StoredRows& source, bool choosing_columns) const {
  PanelShape& shape = matrix.panel_shape;
  shape = fastest_panels(panels_for(type_, source.type, source.columns), source);
  const bool plain =
      shape.type == PackedType::f32 || shape.type == PackedType::f16 || shape.type == PackedType::bf16;
  matrix.can_choose_columns = choosing_columns && plain && are_finite_numbers(source);
  if (matrix.can_choose_columns && shape.type == PackedType::bf16) shape.type = PackedType::bf16_apart;
}

Matrix WeightStore::packed(const std::string& name, bool choosing_columns) {
  const auto [source, memory] = stored(name);
  Matrix matrix{.form = MatrixForm::panels, .rows = source.rows, .columns = source.columns};
  choose_panels(matrix, source, choosing_columns);
  if (when_ == PackWhen::between_passes) {
    late_.push_back({std::make_unique<LatePanels>(source, memory), matrix.panel_shape});
    matrix.late = late_.back().panels.get();
    return matrix;
  }
  std::byte* out = allocate(matrix.bytes());
  matrix.data = out;
  pack(matrix.panel_shape, source, out);
  return matrix;
}

Matrix WeightStore::matrix(const std::string& name) {
  return packed(name, false);
}

Matrix WeightStore::matrix_of_neurons(const std::string& name) {
  return packed(name, true);
}

void WeightStore::pack(const PanelShape& shape, const StoredRows& source, std::byte* out) {
  if (source.file != nullptr) source.file->read_ahead(source.bytes);
  pack_matrix(shape, source, out);
}

void WeightStore::pack_more(double share) {
  if (packed_late_ == late_.size()) return;
  const auto bytes_of = [](const LateMatrix& matrix) {
    return packed_bytes(matrix.shape.type, matrix.panels->source.rows, matrix.shape.inputs);
  };
  int64_t all = 0;
  for (const auto& matrix : late_) all += bytes_of(matrix);
  int64_t left = std::llround(share * static_cast<double>(all));
  for (; packed_late_ < late_.size() && left > 0; ++packed_late_) {
    const LateMatrix& matrix = late_[packed_late_];
    LatePanels& late = *matrix.panels;
    std::byte* out = allocate(bytes_of(matrix));
    pack(matrix.shape, late.source, out);
    late.panels = out;
    late.memory.reset();
    left -= bytes_of(matrix);
  }
}

Matrix WeightStore::table(const std::string& name) {
  const auto [source, memory] = stored(name);
  COPPICE_CHECK(source.paired == 0, "a table's rows lie in order");
  if (memory != nullptr) used_in_place_.push_back(memory);
  return {.data = source.bytes.data(),
          .form = MatrixForm::stored,
          .type = source.type,
          .rows = source.rows,
          .columns = source.columns};
}

Matrix WeightStore::in_rows(const std::string& name) {
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
  files_->release_pages();
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
  files_->release_pages();
  return matrix;
}

std::vector<float> WeightStore::vector(const std::string& name) const {
  auto floats = files_->tensor(name).to_floats();
  files_->release_pages();
  return floats;
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
