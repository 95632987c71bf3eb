#pragma once
// A model opened for reading, whatever its files: a Hugging Face directory (model_directory.h) or a GGUF file
// (gguf/gguf_model.h).

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/gguf_types.h"
#include "format/safetensors.h"
#include "model/spec.h"
#include "model/stored_rows.h"

namespace coppice {

// A tensor as it lies in the files.
struct StoredTensor {
  std::string name, type;  // "F32", "Q4_0", …
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

// A matrix as it lies in the files, and what owns its bytes if they are not mapped.
struct StoredMatrix {
  StoredRows rows;
  std::shared_ptr<const void> memory;
};

// What `matrix`, or of other tensors `tensor`, gives the numbers as.
struct TensorForm {
  GgmlType type = GgmlType::f32;
  std::vector<int64_t> shape;
  bool made = false;  // in memory, of what the files hold in another form
};

// The GGUF type of the same plain numbers; an Error at `where` for those that are not floating point.
GgmlType plain_type(DType dtype, const std::string& where);

class ModelFiles {
 public:
  virtual ~ModelFiles() = default;

  virtual const std::filesystem::path& path() const = 0;
  virtual const ModelSpec& spec() const = 0;
  // A tensor by its name in tensor_table(spec()), in that shape; valid while this is open and its `memory`, if there is
  // any, is held.
  virtual TensorView tensor(const std::string& canonical_name) const = 0;
  // The same tensor, which is a matrix, before blocks are made floats and rows put in order.
  virtual StoredMatrix matrix(const std::string& canonical_name) const;
  // Told without reading or making it.
  virtual TensorForm form(const std::string& canonical_name) const = 0;
  virtual std::vector<StoredTensor> stored() const = 0;
  virtual int64_t total_bytes() const = 0;
  // Tensors of the files that the model has no use for.
  virtual std::vector<std::string> passed_over() const { return {}; }
  // The file that such a tensor's bytes are mapped from, unless it has memory of its own.
  virtual const MappedFile& file_of(std::span<const std::byte> bytes) const = 0;
  // Gives the memory of file pages that were looked at back to the system.
  virtual void release_pages() const = 0;
};

// Opens a model directory or a GGUF file; anything wrong with it is an Error.
std::shared_ptr<const ModelFiles> open_model(const std::filesystem::path& path);

}  // namespace coppice
