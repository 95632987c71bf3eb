#pragma once
// Weights as the runtime computes with them. What is multiplied by lies in panels, packed once in parallel from the file,
// none of whose pages stay in memory; experts are packed when they are wanted (model/expert_store.h). What is only looked up,
// or gathered row by row, lies in rows, mapped where they can be used as they are.

#include <atomic>
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

// A matrix whose panels are still to be packed; until then each is packed anew wherever it is multiplied by
// (model/panel_reader.h). With `to_keep` they stay where they are then packed to: that is all of them once the matrix was
// multiplied by.
struct LatePanels {
  LatePanels(StoredRows rows, std::shared_ptr<const void> owner, std::byte* keep = nullptr)
      : source(std::move(rows)), memory(std::move(owner)), to_keep(keep) {}

  StoredRows source;
  std::shared_ptr<const void> memory;  // what owns the source's bytes if they are not mapped
  std::byte* to_keep;
  std::byte* panels = nullptr;              // once they are packed
  mutable std::atomic<int64_t> packed = 0;  // panels so far
};

// A matrix; the memory belongs to a WeightStore.
struct Matrix {
  const void* data = nullptr;
  const LatePanels* late = nullptr;  // instead of data
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
};

// Row `row` of a matrix as floats.
void copy_row(const Matrix& matrix, int64_t row, float* out);

// The panels that matrices of `stored` numbers are packed into. Blocks of which there are no panels become bytes, which cost
// them less than a hundredth of the largest weight of 32 (Q5_1, Q5_K).
kernels::PackedType panels_for(WeightType wanted, GgmlType stored, int64_t columns);

// The panels of a tensor, but for their data.
Matrix panels_for(const ModelFiles& files, const std::string& name, WeightType wanted);

class WeightStore {
 public:
  WeightStore(std::shared_ptr<const ModelFiles> files, WeightType type, PackWhen when = PackWhen::at_load);

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
  // Packs more of what `between_passes` left for later: `share` of all of its bytes, in whole matrices.
  void pack_more(double share);
  // An ascending list of row numbers below `limit`; anything else is an Error.
  std::vector<int32_t> rows(const std::string& name, int64_t limit) const;

  // The panels that `matrix` gives at most, but for their data, told without reading the tensor.
  Matrix panels(const std::string& name) const { return panels_for(*files_, name, type_); }
  // Gives a matrix the panels that suit its numbers; `choosing_columns` is that of matrix_of_neurons.
  void choose_panels(Matrix& matrix, const StoredRows& source, bool choosing_columns) const;
  // The tensor as it lies in the file.
  StoredMatrix stored(const std::string& name) const;
  // Memory on a boundary of 64 bytes, which lives as long as this; it takes none of the machine's before it is written to.
  std::byte* allocate(int64_t bytes);
  const ModelFiles& files() const { return *files_; }

 private:
  Matrix packed(const std::string& name, bool choosing_columns);
  static void pack(const PanelShape& shape, const StoredRows& source, std::byte* out);
  kernels::Element element_for(const TensorView& view) const;

  std::shared_ptr<const ModelFiles> files_;
  std::vector<std::shared_ptr<const void>> used_in_place_;  // memory of matrices that are not mapped
  WeightType type_;
  PackWhen when_;
  struct LateMatrix {
    std::unique_ptr<LatePanels> panels;
    PanelShape shape;
  };
  std::vector<LateMatrix> late_;
  size_t packed_late_ = 0;  // the first so many are done
  struct Unmap {
    size_t size = 0;
    void operator()(std::byte* memory) const;
  };
  // Memory is taken in large pieces, which the system can back with large pages.
  std::vector<std::unique_ptr<std::byte, Unmap>> pieces_;
  size_t used_ = 0;  // of the last piece
};

}  // namespace coppice
