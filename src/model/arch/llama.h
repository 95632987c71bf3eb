#pragma once
// What Llama-shaped families (Llama, Mistral, Mixtral, …) share in config.json.

#include <set>

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

// Everything but the FFNs: sizes, attention, RoPE, special ids; as many blocks as config.json says, each with
// `ffn`. Keys beyond those of all such families and `family_keys` are Errors.
ModelSpec read_llama_shape(const Json& config, const FfnSpec& ffn, const std::set<std::string>& family_keys,
                           const std::string& where);
Json write_llama_shape(const ModelSpec& spec);

// The hidden_act of config.json as an Activation, and back.
Activation read_activation(const Json& config, const std::string& where);
std::string write_activation(Activation activation);

// Why the attention part of a spec is not Llama's, if it is not: blocks must be alike.
std::optional<std::string> llama_shape_obstacle(const ModelSpec& spec);

}  // namespace coppice
