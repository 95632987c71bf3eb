#pragma once
// Weights as the runtime computes with them: matrices of f32 or bf16, mapped from the file where they can be
// used as they lie there, else converted once at load, in parallel.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "model/decoder.h"
#include "model/model_files.h"

namespace coppice {

// A matrix of `rows` times `columns` without gaps; the memory belongs to a WeightStore.
struct Matrix {
  const void* data = nullptr;
  kernels::Element element = kernels::Element::f32;
  int64_t rows = 0, columns = 0;

  int64_t row_bytes() const { return columns * (element == kernels::Element::bf16 ? 2 : 4); }
  int64_t bytes() const { return rows * row_bytes(); }
};

// Row `row` of a matrix as floats.
void copy_row(const Matrix& matrix, int64_t row, float* out);

class WeightStore {
 public:
  WeightStore(std::shared_ptr<const ModelFiles> files, WeightType type);

  // The tensor of that canonical name, (out, in) as stored.
  Matrix matrix(const std::string& name);
  // The same transposed: (in, out).
  Matrix transposed(const std::string& name);
  std::vector<float> vector(const std::string& name) const;
  // An ascending list of row numbers below `limit`; anything else is an Error.
  std::vector<int32_t> rows(const std::string& name, int64_t limit) const;

 private:
  std::byte* allocate(int64_t bytes);
  kernels::Element element_for(const TensorView& view) const;

  std::shared_ptr<const ModelFiles> files_;
  std::vector<std::shared_ptr<const void>> used_in_place_;  // memory of matrices that are not mapped
  WeightType type_;
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::vector<std::unique_ptr<std::byte, Free>> owned_;
};

}  // namespace coppice
