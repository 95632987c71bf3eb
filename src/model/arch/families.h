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

struct Family {
  // config.json -> spec. Keys that would change the computation and are not understood are Errors.
  std::function<ModelSpec(const Json& config, const std::string& where)> read;
  // Why a spec cannot be written as this family, or nothing if it can.
  std::function<std::optional<std::string>(const ModelSpec& spec)> obstacle;
  // spec -> config.json. Call only when there is no obstacle.
  std::function<Json(const ModelSpec& spec)> write;
  // The name in this family's files of a tensor of tensor_table.
  std::function<std::string(const std::string& canonical_name)> file_name;
};

// Families by config.json's model_type.
const Registry<Family>& families();

Family llama_family();
Family mixtral_family();
Family coppice_family();

// Reads config.json of any known family; an unknown model_type is an Error that lists those known.
ModelSpec spec_from_config(const Json& config, const std::string& where);

// The most widely readable family that can hold the spec: the spec's own, else another published one, else coppice.
std::string writable_family(const ModelSpec& spec);

}  // namespace coppice
