#pragma once
// Reading and writing what config.json of many families has in common.

#include <set>
#include <utility>

#include "model/arch/families.h"

namespace coppice {

// Reads one key of config.json; a missing or null one is `fallback`.
template <class T>
T config_value(const Json& config, const char* key, T fallback, const std::string& where) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return fallback;
  return from_json<T>(*found, where + "." + key);
}

template <class T>
T config_required(const Json& config, const char* key, const std::string& where) {
  if (!config.contains(key) || config[key].is_null())
    throw Error({.where = where, .found = fmt::format("no '{}'", key)});
  return from_json<T>(config[key], where + "." + key);
}

// Throws unless the key is absent, null or `only`: a value that would change the computation.
void config_must_be(const Json& config, const char* key, const Json& only, const std::string& where);

// The config with the keys of `defaults` that it lacks. A key that is null stays so.
Json with_defaults(Json config, const Json& defaults);

// Throws if the config has a key besides `known` and those that never change the forward pass, so that a
// variant of a family never runs as if it were the plain one. A null key counts as absent.
void refuse_unknown_keys(const Json& config, std::set<std::string> known, const std::string& where);

// bos_token_id and eos_token_id.
void read_special_tokens(const Json& config, ModelSpec& spec, const std::string& where);
void write_special_tokens(const ModelSpec& spec, Json& config);

// An activation by its name in Transformers, and back.
Activation read_activation(const Json& config, const char* key, const char* fallback,
                           const std::string& where);
std::string write_activation(Activation activation);

// What a family's rotary settings may say besides theta, linear and Llama 3.1 stretching.
struct RopeKeys {
  std::optional<double> partial = {};  // the fraction that turns is partial_rotary_factor, or else this
  bool yarn = false;                   // YaRN, with DeepSeek's mscale and mscale_all_dim
  bool longrope = false;               // LongRoPE, with Phi-MoE's short_mscale and long_mscale
};
// rope_theta and rope_scaling, or rope_parameters as Transformers 5 writes them. What `keys` does not allow
// is refused. LongRoPE has one list of factors up to the original context and another one beyond, with which the
// keys of all tokens would have to be computed again: the first is read.
RopeSpec read_rope(const Json& config, const std::string& where, const RopeKeys& keys = {});
Json write_rope_scaling(const RopeSpec& rope);

// A count that something is about to be allocated for.
int64_t config_count(const Json& config, const char* key, int64_t most, const std::string& where);
int64_t read_experts(const Json& config, const char* key, int64_t layers, const std::string& where);

// A number of heads that divides the width.
int64_t read_heads(const Json& config, const char* key, int64_t width, const std::string& where);

// Why the blocks do not all mix by ordinary attention, rotary positions half-split and not stretched by YaRN.
std::optional<std::string> attention_obstacle(const ModelSpec& spec);
// Why the blocks of a spec are not all alike, if they are not.
std::optional<std::string> unequal_blocks_obstacle(const ModelSpec& spec);
// Why the blocks are not all alike, with norms placed so, around attention of that kind.
std::optional<std::string> alike_blocks_obstacle(const ModelSpec& spec, NormPlacement norms);
// Why a spec has parts that only text encoders have, if it has.
std::optional<std::string> encoder_part_obstacle(const ModelSpec& spec);
// Why the norms are not LayerNorm with biases, the model has parts of encoders, or the FFN of the first block
// not a plain dense one with biases (or without).
std::optional<std::string> layer_norm_obstacle(const ModelSpec& spec, bool ffn_bias);
// Attention with biases whose heads add up to the width, with the number of heads of `like`.
AttentionSpec plain_attention(const AttentionSpec& like, int64_t width, const RopeSpec& rope);

// `name` with the first occurrence of each `first` replaced by its `second`, in order.
std::string with_parts_renamed(std::string name,
                               const std::vector<std::pair<std::string, std::string>>& parts);

}  // namespace coppice
