#pragma once
// The model families that Coppice reads and writes. A family is one file here: it turns config.json into a ModelSpec
// and back, and says what its files call each tensor of `tensor_table`.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/registry.h"
#include "model/spec.h"

namespace coppice {

// How a family's files lay out a tensor of tensor_table, if not simply as it is.
struct TensorLayout {
  bool transposed = false;  // stored as (in, out), as Conv1D does
  // Several tensors of the same file name lie in one, stacked along their outputs: this one begins at `first_row`
  // of `fused_rows`; 0: it lies alone.
  int64_t first_row = 0, fused_rows = 0;
  bool one_row = false;  // a vector stored as a matrix of one row

  bool as_is() const { return !transposed && fused_rows == 0 && !one_row; }
};

struct Family {
  // config.json -> spec. Keys that would change the computation and are not understood are Errors.
  std::function<ModelSpec(const Json& config, const std::string& where)> read;
  // Why a spec cannot be written as this family, or nothing if it can.
  std::function<std::optional<std::string>(const ModelSpec& spec)> obstacle;
  // spec -> config.json. Call only when there is no obstacle.
  std::function<Json(const ModelSpec& spec)> write;
  // The name in this family's files of a tensor of tensor_table, or of the one that it is part of.
  std::function<std::string(const std::string& canonical_name)> file_name;
  // How it lies there; empty: every tensor as it is.
  std::function<TensorLayout(const TensorSpec& tensor, const ModelSpec& spec)> layout = {};
  // A prefix of file names that files of the bare body leave out.
  std::string optional_prefix = {};
  // Tensors of its files that are not read: they follow from config.json, or belong to a part that the model's output
  // does not depend on. Empty: none beyond those of all families.
  std::function<bool(const std::string& file_name, const ModelSpec& spec)> is_buffer = {};
};

// Families by config.json's model_type.
const Registry<Family>& families();

Family llama_family();
Family mixtral_family();
Family mistral_family();
Family qwen2_family();
Family qwen3_family();
Family qwen2_moe_family();
Family qwen3_moe_family();
Family olmoe_family();
Family olmo2_family();
Family phi_family();
Family gpt2_family();
Family opt_family();
Family deepseek_family();
Family deepseek_v2_family();
Family deepseek_v3_family();
Family pangu_pro_moe_family();
Family pangu_ultra_moe_family();
Family coppice_family();

// Reads config.json of any known family; an unknown model_type is an Error that lists those known.
ModelSpec spec_from_config(const Json& config, const std::string& where);

// The most widely readable family that can hold the spec: the spec's own, else another published one, else coppice.
std::string writable_family(const ModelSpec& spec);

}  // namespace coppice
