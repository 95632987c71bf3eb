#pragma once
// Weights as the runtime computes with them. What is multiplied by lies in panels, packed once at load in parallel from the
// mapped file, whose pages are then given back; what is only looked up, or gathered row by row, lies in rows, mapped where
// they can be used as they are.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/kernels.h"
#include "model/decoder.h"
#include "model/model_files.h"
#include "model/packed_matrix.h"

namespace coppice {

enum class MatrixForm {
  rows,    // f32 or bf16, row after row without gaps
  panels,  // kernels/packed_kernels.h
  stored,  // rows as a file has them, of any type: only for copy_row
};

// A matrix; the memory belongs to a WeightStore.
struct Matrix {
  const void* data = nullptr;
  MatrixForm form = MatrixForm::rows;
  kernels::Element element = kernels::Element::f32;  // of rows
  PanelShape panel_shape = {};                       // of panels
  bool can_choose_columns = false;                   // those whose activations are not 0, of panels
  GgmlType type = GgmlType::f32;                     // of stored rows
  int64_t rows = 0, columns = 0;

  // Of panels a share of the panel.
  int64_t row_bytes() const;
  int64_t bytes() const;
  int64_t panels() const { return (rows + kernels::panel_rows - 1) / kernels::panel_rows; }
  const std::byte* panel(int64_t index) const {
    return static_cast<const std::byte*>(data) +
           index * kernels::panel_bytes(panel_shape.type, panel_shape.inputs);
  }
  int64_t groups() const { return kernels::packed_groups(panel_shape.type, panel_shape.inputs); }
};

// Row `row` of a matrix as floats.
void copy_row(const Matrix& matrix, int64_t row, float* out);

class WeightStore {
 public:
  WeightStore(std::shared_ptr<const ModelFiles> files, WeightType type);

  // The tensor of that canonical name, (out, in), in panels of the wanted type.
  Matrix matrix(const std::string& name);
  // The same for products in which many columns have activations of exactly 0, whose weights then need not be read.
  Matrix matrix_of_neurons(const std::string& name);
  // The same in rows of f32 or bf16.
  Matrix in_rows(const std::string& name);
  // The same for looking up rows only: nothing is converted before a row is asked for.
  Matrix table(const std::string& name);
  // In rows, transposed: (in, out).
  Matrix transposed(const std::string& name);
  std::vector<float> vector(const std::string& name) const;
  // An ascending list of row numbers below `limit`; anything else is an Error.
  std::vector<int32_t> rows(const std::string& name, int64_t limit) const;

 private:
  std::byte* allocate(int64_t bytes);
  Matrix packed(const std::string& name, bool choosing_columns);
  kernels::Element element_for(const TensorView& view) const;
  // The tensor as it lies in the file, and what owns its bytes if they are not mapped.
  std::pair<StoredRows, std::shared_ptr<const void>> stored(const std::string& name) const;

  std::shared_ptr<const ModelFiles> files_;
  std::vector<std::shared_ptr<const void>> used_in_place_;  // memory of matrices that are not mapped
  WeightType type_;
  struct Unmap {
    size_t size = 0;
    void operator()(std::byte* memory) const;
  };
  // Memory is taken in large pieces, which the system can back with large pages.
  std::vector<std::unique_ptr<std::byte, Unmap>> pieces_;
  size_t used_ = 0;  // of the last piece
};

}  // namespace coppice
