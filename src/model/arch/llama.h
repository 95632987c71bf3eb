#pragma once
// What Llama-shaped families (Llama, Mistral, Mixtral, Qwen, OLMo, …) share in config.json.

#include "model/arch/config_keys.h"

namespace coppice {

// Everything but the FFNs: sizes, attention, RoPE, special ids; as many blocks as config.json says, each with
// `ffn`. Keys beyond those of all such families and `family_keys` are Errors. A family then changes what it
// does otherwise.
ModelSpec read_llama_shape(const Json& config, const FfnSpec& ffn, const std::set<std::string>& family_keys,
                           const std::string& where);
Json write_llama_shape(const ModelSpec& spec);

// In what a family's attention and norms depart from Llama's.
struct LlamaShape {
  NormPlacement norms = NormPlacement::pre;
  QkNorm qk_norm = QkNorm::none;
  bool qkv_bias_alone = false;  // queries, keys and values may have biases where the output has none
  bool windows = false;         // layers may have windows
  bool gated = false;           // attention may be gated
};

// Why the attention part of a spec is not of this shape, if it is not: blocks must be alike.
std::optional<std::string> llama_shape_obstacle(const ModelSpec& spec, const LlamaShape& shape = {});
// Why the FFNs of a spec are not all the same dense gated one, if they are not.
std::optional<std::string> gated_ffn_obstacle(const ModelSpec& spec);

// The dense gated FFN without biases of most of these families: intermediate_size and hidden_act.
DenseFfnSpec read_plain_ffn(const Json& config, const std::string& where);
std::optional<std::string> plain_ffn_obstacle(const ModelSpec& spec);
// config.json of a model with that FFN in every block: the class, model_type, write_llama_shape and the FFN.
Json write_plain_llama(const ModelSpec& spec, const char* architecture, const char* model_type);

}  // namespace coppice
