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
  // The stack is cut into so many equal parts, of each of which this tensor has as many rows, from first_row on.
  int64_t parts = 1;
  int64_t experts =
      0;  // the stacked tensors belong to so many experts, over which the stack has a first dimension
  bool one_row = false;  // a vector stored as a matrix of one row

  bool as_is() const { return !transposed && fused_rows == 0 && experts == 0 && !one_row; }
};

// How files hold the experts of a layer.
enum class ExpertTensors {
  separate,  // each matrix of each expert is a tensor
  packed,    // all gates and ups in one, all downs in another, as Transformers 5 holds them
};

template <>
struct EnumNames<ExpertTensors> {
  static constexpr auto values = std::to_array<std::pair<ExpertTensors, const char*>>(
      {{ExpertTensors::separate, "separate"}, {ExpertTensors::packed, "packed"}});
};

// Whether the files have the tensor of that canonical name.
using HasTensor = std::function<bool(const std::string& canonical_name)>;

struct Family {
  // config.json -> spec. Keys that would change the computation and are not understood are Errors.
  std::function<ModelSpec(const Json& config, const std::string& where)> read;
  // Why a spec cannot be written as this family, or nothing if it can; called by obstacle_of, below.
  std::function<std::optional<std::string>(const ModelSpec& spec)> obstacle;
  // spec -> config.json. Call only when there is no obstacle.
  std::function<Json(const ModelSpec& spec)> write;
  // The name in this family's files of a tensor of tensor_table, or of the one that it is part of.
  std::function<std::string(const std::string& canonical_name)> file_name;
  // How it lies there; empty: every tensor as it is.
  std::function<TensorLayout(const TensorSpec& tensor, const ModelSpec& spec)> layout = {};
  // The name where experts are packed (experts.h), of all tensors; empty: this family's files never pack them.
  std::function<std::string(const std::string& canonical_name)> packed_file_name = {};
  // A prefix of file names that files of the bare body leave out.
  std::string optional_prefix = {};
  // Tensors of its files that are passed over: they follow from config.json, serve another task, or belong to a part
  // that the model's output does not depend on. Empty: none beyond those of all families.
  std::function<bool(const std::string& file_name, const ModelSpec& spec)> is_buffer = {};
  // Blocks may have other mixers than attention; else `obstacle` is never asked about them.
  bool other_mixers = false;
  // Embeddings and what is added to the residual stream may be scaled; else `obstacle` is never asked about such.
  bool scales = false;
  // Experts may be chosen by words; else `obstacle` is never asked about such.
  bool words = false;
  // The usual name of a tensor that files may call otherwise, or repeat under another name; empty: all have
  // one name.
  std::function<std::string(std::string file_name)> usual_name = {};
  // Sets what config.json leaves open and the files' tensors tell: which parts stand on top of an encoder.
  std::function<void(ModelSpec& spec, const Json& config, const HasTensor& has, const std::string& where)>
      complete = {};
  // Instead of file_name, where that depends on the spec too.
  std::function<std::string(const std::string& canonical_name, const ModelSpec& spec)> file_name_for = {};
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
Family lfm2_family();
Family lfm2_moe_family();
Family bert_family();
Family roberta_family();
Family xlm_roberta_family();
Family distilbert_family();
Family modernbert_family();
Family t5_family();
Family mt5_family();
Family umt5_family();
Family deepseek_family();
Family deepseek_v2_family();
Family deepseek_v3_family();
Family pangu_pro_moe_family();
Family pangu_ultra_moe_family();
Family phimoe_family();
Family grinmoe_family();
Family minicpm_family();
Family coppice_family();

// Reads config.json of any known family; an unknown model_type is an Error that lists those known.
ModelSpec spec_from_config(const Json& config, const std::string& where);

// Why a spec cannot be written as that family, or nothing if it can.
std::optional<std::string> obstacle_of(const Family& family, const ModelSpec& spec);

// The most widely readable family that can hold the spec: the spec's own, else another published one, else coppice.
std::string writable_family(const ModelSpec& spec);

}  // namespace coppice
