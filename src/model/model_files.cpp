#include "model/model_files.h"

#include "model/finequant/finequant_model.h"
#include "model/gguf/gguf_model.h"
#include "model/model_directory.h"

namespace coppice {

GgmlType plain_type(DType dtype, const std::string& where) {
  switch (dtype) {
    case DType::f32:
      return GgmlType::f32;
    case DType::bf16:
      return GgmlType::bf16;
    case DType::f16:
      return GgmlType::f16;
    case DType::f64:
      return GgmlType::f64;
    default:
      throw Error(
          {.where = where, .found = "elements of type " + dtype_name(dtype), .expected = "floating point"});
  }
}

StoredMatrix ModelFiles::matrix(const std::string& canonical_name) const {
  TensorView view = tensor(canonical_name);
  COPPICE_CHECK(view.shape.size() == 2, canonical_name);
  const MappedFile* file = view.memory == nullptr ? &file_of(view.bytes) : nullptr;
  return {{.name = canonical_name,
           .type = plain_type(view.dtype, canonical_name),
           .rows = view.shape[0],
           .columns = view.shape[1],
           .bytes = view.bytes,
           .file = file},
          std::move(view.memory)};
}

std::shared_ptr<const ModelFiles> open_model(const std::filesystem::path& path) {
  if (is_gguf_file(path)) return std::make_shared<GgufModel>(path);
  if (is_finequant_directory(path)) return std::make_shared<FinequantModel>(path);
  return std::make_shared<ModelDirectory>(path);
}

}  // namespace coppice
