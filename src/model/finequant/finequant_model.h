#pragma once
// A model directory whose matrices are integers in groups (format/grouped_integers.h), as `coppice quantize --type
// finequant` writes it (docs/formats.md).

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "format/grouped_integers.h"
#include "format/safetensors.h"
#include "model/model_files.h"
#include "model/weight_error.h"

namespace coppice {

// Whether `path` is a directory whose config.json says so.
bool is_finequant_directory(const std::filesystem::path& path);

// Throws unless integers and scales, as they lie in a file, can stand for the matrix `wanted`; else its floats. Shared by
// FinequantModel and the fuzzer.
void check_groups(const TensorSpec& wanted, const TensorView& integers, const TensorView* scales,
                  const std::string& where);
std::vector<float> floats_of(const TensorSpec& wanted, const TensorView& integers, const TensorView& scales);

class FinequantModel : public ModelFiles {
 public:
  explicit FinequantModel(const std::filesystem::path& path);

  const std::filesystem::path& path() const override { return path_; }
  const ModelSpec& spec() const override { return spec_; }
  TensorView tensor(const std::string& canonical_name) const override;
  // Of matrices whose groups are whole blocks: Q4_0 or Q8_0 of the same weights.
  StoredMatrix matrix(const std::string& canonical_name) const override;
  TensorForm form(const std::string& canonical_name) const override;
  std::vector<StoredTensor> stored() const override;
  int64_t total_bytes() const override { return tensors_.total_bytes(); }
  const MappedFile& file_of(std::span<const std::byte> bytes) const override {
    return tensors_.file_of(bytes);
  }
  void release_pages() const override { tensors_.release_pages(); }

 private:
  void bind_tensors();
  bool has_blocks(const std::string& canonical_name) const;

  std::filesystem::path path_;
  ModelSpec spec_;
  TensorFolder tensors_;
  std::map<std::string, std::vector<int64_t>> shapes_;  // by canonical name
};

// Writes `model` into `directory`, which exists. Feed-forward matrices have 4 bits; those of attention and shared
// experts, the embedding and the head have 8; routers, vectors and small tables stay as they are.
std::vector<WrittenTensor> write_finequant(const ModelFiles& model, const GroupChoice& choice,
                                           const std::filesystem::path& directory);

}  // namespace coppice
