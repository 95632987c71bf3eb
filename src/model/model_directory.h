#pragma once
// A Hugging Face model directory opened for reading (config.json -> ModelSpec, tensors by canonical name),
// and written.

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "format/safetensors.h"
#include "model/arch/families.h"
#include "model/model_files.h"
#include "model/spec.h"

namespace coppice {

// Every tensor of tensor_table(spec) is there with its shape, and no other tensor is, or opening fails with
// an Error that names the tensor and the nearest known one. Stored head weights of a tied model are accepted
// if they equal the embedding; known harmless buffers (rotary inv_freq) are passed over. Experts may lie in one
// tensor for each matrix or packed, but not both. What config.json leaves open, the tensors tell: the parts on
// top of an encoder, and that there is no output head where only the bare body was saved.
class ModelDirectory : public ModelFiles {
 public:
  explicit ModelDirectory(const std::filesystem::path& path);
  ~ModelDirectory();
  ModelDirectory(ModelDirectory&&) noexcept;

  const std::filesystem::path& path() const override { return path_; }
  const ModelSpec& spec() const override { return spec_; }
  const Json& config() const { return config_; }
  // One that the files hold transposed or fused with others is rearranged in memory; FP8 numbers with scales become their
  // products in F32. Both are made anew each time, in memory that belongs to who asked.
  TensorView tensor(const std::string& canonical_name) const override;
  TensorForm form(const std::string& canonical_name) const override;
  std::vector<StoredTensor> stored() const override;
  int64_t total_bytes() const override { return tensors_.total_bytes(); }
  const MappedFile& file_of(std::span<const std::byte> bytes) const override {
    return tensors_.file_of(bytes);
  }
  void release_pages() const override { tensors_.release_pages(); }
  std::vector<std::string> passed_over() const override { return passed_over_; }

 private:
  ExpertTensors find_expert_tensors(const std::vector<TensorSpec>& table) const;
  void bind_tensors();
  void check_spare_head(const TensorView& head) const;
  void check_neuron_lists() const;
  TensorView rearranged(const std::string& canonical_name) const;

  std::filesystem::path path_;
  Json config_;
  ModelSpec spec_;
  TensorFolder tensors_;
  std::map<std::string, const TensorView*> by_canonical_name_;
  std::vector<std::string> passed_over_;
  struct Rearranged;
  std::unique_ptr<Rearranged> rearranged_;
};

// The files of a model directory that describe its tokenizer and generation defaults, where present in
// `from`: tokenizer.json, tokenizer.model, spiece.model, tokenizer_config.json, special_tokens_map.json,
// generation_config.json, chat template, vocab.json, merges.txt.
void copy_companion_files(const std::filesystem::path& from, const std::filesystem::path& to);

struct WriteOptions {
  int64_t shard_bytes = default_shard_bytes;  // of a file; a larger tensor has a file of its own
  ExpertTensors expert_tensors = ExpertTensors::separate;
};

// Throws unless the family that a spec is written as has files of that kind.
void check_expert_tensors(const ModelSpec& spec, ExpertTensors experts);

// Writes config.json (family: writable_family(spec)) and the tensors, which are given by canonical name and
// must be exactly those of tensor_table(spec); `directory` exists and is normally an AtomicDirectory's path.
void write_model(const std::filesystem::path& directory, const ModelSpec& spec,
                 std::span<const TensorData> tensors, const WriteOptions& options = {});
// The same of an open model, whose numbers stay as they are.
void write_model(const std::filesystem::path& directory, const ModelFiles& model,
                 const WriteOptions& options = {});

}  // namespace coppice
