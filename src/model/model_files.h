#pragma once
// A model opened for reading, whatever its files: a Hugging Face directory (model_directory.h) or a GGUF file
// (gguf/gguf_model.h).

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "format/safetensors.h"
#include "model/spec.h"

namespace coppice {

// A tensor as it lies in the files.
struct StoredTensor {
  std::string name, type;  // "F32", "Q4_0", …
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

class ModelFiles {
 public:
  virtual ~ModelFiles() = default;

  virtual const std::filesystem::path& path() const = 0;
  virtual const ModelSpec& spec() const = 0;
  // A tensor by its name in tensor_table(spec()), in that shape; valid while this is open, or while its
  // `memory` is held.
  virtual TensorView tensor(const std::string& canonical_name) const = 0;
  virtual std::vector<StoredTensor> stored() const = 0;
  virtual int64_t total_bytes() const = 0;
  // Tensors of the files that the model has no use for.
  virtual std::vector<std::string> passed_over() const { return {}; }
};

// Opens a model directory or a GGUF file; anything wrong with it is an Error.
std::shared_ptr<const ModelFiles> open_model(const std::filesystem::path& path);

}  // namespace coppice
