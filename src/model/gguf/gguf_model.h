#pragma once
// A model in one GGUF file. Weights are given as floats or as the blocks that they are; those that lie as Hugging Face has
// them are used in place.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "format/gguf.h"
#include "model/gguf/tensor_names.h"
#include "model/model_files.h"

namespace coppice {

// Rows of a query or key projection in another order, head by head: (half, i) <-> (i, half), where GGUF's
// `llama` has row 2i + half. `rows` are whole heads of `head_dim` rows of `row_bytes`.
enum class RowOrder { halves_to_pairs, pairs_to_halves };
std::vector<std::byte> reorder_rotary_rows(std::span<const std::byte> rows, size_t row_bytes,
                                           int64_t head_dim, RowOrder order);

// The matrix that expands latent vectors to each head's keys and values, (heads * (plain + value), latent),
// in the two parts of newer files: keys (heads, latent, plain) and values (heads, value, latent).
std::vector<float> expansion_keys(std::span<const float> whole, const LatentAttentionSpec& attention);
std::vector<float> expansion_values(std::span<const float> whole, const LatentAttentionSpec& attention);
std::vector<float> join_expansion(std::span<const float> keys, std::span<const float> values,
                                  const LatentAttentionSpec& attention);

// What a file must hold to be a model: every tensor of the spec in its shape, and no other. Shared by
// GgufModel and the fuzzer.
struct GgufBinding {
  const GgufTensor* tensor = nullptr;
  const GgufTensor* values = nullptr;  // of an expansion in two parts, of which `tensor` is the keys
  GgufTensorName name;
  TensorSpec wanted;
};
std::map<std::string, GgufBinding> bind_gguf_tensors(const GgufContent& content, const ModelSpec& spec);

// The tensor of a binding as Hugging Face has it.
TensorView read_gguf_tensor(const GgufBinding& binding, const ModelSpec& spec, bool interleaved,
                            const std::string& where);

// The same of a matrix, as `file` has it, but for one that is put together from two tensors.
StoredMatrix read_gguf_matrix(const GgufBinding& binding, const ModelSpec& spec, bool interleaved,
                              const MappedFile& file, const std::string& where);

class GgufModel : public ModelFiles {
 public:
  explicit GgufModel(const std::filesystem::path& path);

  const std::filesystem::path& path() const override { return path_; }
  const ModelSpec& spec() const override { return spec_; }
  TensorView tensor(const std::string& canonical_name) const override;
  StoredMatrix matrix(const std::string& canonical_name) const override;
  TensorForm form(const std::string& canonical_name) const override;
  std::vector<StoredTensor> stored() const override;
  int64_t total_bytes() const override;
  const MappedFile& file_of(std::span<const std::byte> /*bytes*/) const override { return file_.file(); }
  void release_pages() const override { file_.release_pages(); }
  const GgufMetadata& metadata() const { return file_.metadata(); }

 private:
  const GgufBinding& binding(const std::string& canonical_name) const;

  std::filesystem::path path_;
  GgufFile file_;
  ModelSpec spec_;
  bool interleaved_ = false;
  std::map<std::string, GgufBinding> bindings_;  // by canonical name
};

}  // namespace coppice
