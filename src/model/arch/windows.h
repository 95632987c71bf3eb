#pragma once
// Sliding windows in config.json: one for all layers (Mistral), or for some (Qwen).

#include "model/arch/config_keys.h"

namespace coppice {

// A window that reaches over the whole context is none.
int64_t effective_window(int64_t window, int64_t context);

// sliding_window, of every layer; null: none.
void read_window(const Json& config, ModelSpec& spec, const std::string& where);
Json write_window(const ModelSpec& spec);

// use_sliding_window, sliding_window, and which layers: layer_types, else those from max_window_layers on.
const std::set<std::string>& layer_window_keys();
void read_layer_windows(const Json& config, ModelSpec& spec, const std::string& where);
void write_layer_windows(const ModelSpec& spec, Json& config);

// Windows must be equal on all layers, or on those layers that have one.
std::optional<std::string> window_obstacle(const ModelSpec& spec);
std::optional<std::string> layer_window_obstacle(const ModelSpec& spec);

}  // namespace coppice
