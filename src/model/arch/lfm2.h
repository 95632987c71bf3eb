#pragma once
// What LFM2 and LFM2-MoE share in config.json and in the names of their tensors.

#include "model/arch/config_keys.h"

namespace coppice {

// Everything but the FFNs: each block has its mixer, a short convolution or attention, and `ffn`. Keys beyond
// those of both families and `family_keys` are Errors.
ModelSpec read_lfm2_shape(const Json& config, const FfnSpec& ffn, const std::set<std::string>& family_keys,
                          const std::string& where);
Json write_lfm2_shape(const ModelSpec& spec);

// Why a spec is not of this shape, its FFNs left aside.
std::optional<std::string> lfm2_shape_obstacle(const ModelSpec& spec);

std::string lfm2_file_name(const std::string& canonical_name);

}  // namespace coppice
