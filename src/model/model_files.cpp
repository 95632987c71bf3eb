#include "model/model_files.h"

#include "model/finequant/finequant_model.h"
#include "model/gguf/gguf_model.h"
#include "model/model_directory.h"

namespace coppice {

std::shared_ptr<const ModelFiles> open_model(const std::filesystem::path& path) {
  if (is_gguf_file(path)) return std::make_shared<GgufModel>(path);
  if (is_finequant_directory(path)) return std::make_shared<FinequantModel>(path);
  return std::make_shared<ModelDirectory>(path);
}

}  // namespace coppice
