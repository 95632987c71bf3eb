#include "model/arch/windows.h"

#include <algorithm>

namespace coppice {
namespace {

int64_t window_of(const BlockSpec& block) {
  return std::get<AttentionSpec>(block.mixer).window;
}

int64_t read_length(const Json& config, int64_t context, const std::string& where) {
  const auto window = config_value<std::optional<int64_t>>(config, "sliding_window", std::nullopt, where);
  if (!window) return 0;
  if (*window < 1)
    throw Error({.where = where + ".sliding_window",
                 .found = fmt::format("{}", *window),
                 .expected = "null or at least 1"});
  return effective_window(*window, context);
}

std::vector<std::string> read_layer_types(const Json& config, size_t layers, const std::string& where) {
  const auto types = from_json<std::vector<std::string>>(config["layer_types"], where + ".layer_types");
  if (types.size() != layers)
    throw Error({.where = where + ".layer_types",
                 .found = fmt::format("{} types", types.size()),
                 .expected = fmt::format("one for each of the {} layers", layers)});
  for (const auto& type : types)
    if (type != "full_attention" && type != "sliding_attention")
      throw Error({.where = where + ".layer_types",
                   .found = fmt::format("'{}'", type),
                   .expected = "full_attention or sliding_attention"});
  return types;
}

}  // namespace

int64_t effective_window(int64_t window, int64_t context) {
  return window >= context ? 0 : window;
}

void read_window(const Json& config, ModelSpec& spec, const std::string& where) {
  const int64_t window = read_length(config, spec.context, where);
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).window = window;
}

Json write_window(const ModelSpec& spec) {
  const int64_t window = window_of(spec.blocks.front());
  return window == 0 ? Json() : Json(window);
}

const std::set<std::string>& layer_window_keys() {
  static const std::set<std::string> keys = {"use_sliding_window", "sliding_window", "max_window_layers",
                                             "layer_types"};
  return keys;
}

void read_layer_windows(const Json& config, ModelSpec& spec, const std::string& where) {
  const bool used = config_value(config, "use_sliding_window", false, where);
  const int64_t window = used ? read_length(config, spec.context, where) : 0;
  const bool listed = config.contains("layer_types") && !config["layer_types"].is_null();
  const auto types =
      listed ? read_layer_types(config, spec.blocks.size(), where) : std::vector<std::string>();
  const auto first = config_value<int64_t>(config, "max_window_layers", 28, where);
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const bool slides = listed ? types[i] == "sliding_attention" : static_cast<int64_t>(i) >= first;
    if (listed && slides && !used)
      throw Error({.where = where + ".layer_types",
                   .found = "sliding_attention",
                   .expected = "use_sliding_window to be true"});
    std::get<AttentionSpec>(spec.blocks[i].mixer).window = slides ? window : 0;
  }
}

void write_layer_windows(const ModelSpec& spec, Json& config) {
  int64_t window = 0;
  size_t first = spec.blocks.size();
  std::vector<std::string> types;
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const int64_t own = window_of(spec.blocks[i]);
    types.push_back(own > 0 ? "sliding_attention" : "full_attention");
    if (own == 0) continue;
    window = own;
    first = std::min(first, i);
  }
  config["use_sliding_window"] = window > 0;
  config["sliding_window"] = window > 0 ? Json(window) : Json();
  config["max_window_layers"] = first;
  config["layer_types"] = types;
}

std::optional<std::string> window_obstacle(const ModelSpec& spec) {
  for (const auto& block : spec.blocks) {
    if (window_of(block) != window_of(spec.blocks.front())) return "its layers' windows differ";
    if (window_of(block) >= spec.context) return "a window is as long as the context";
  }
  return std::nullopt;
}

std::optional<std::string> layer_window_obstacle(const ModelSpec& spec) {
  int64_t window = 0;
  for (const auto& block : spec.blocks) {
    const int64_t own = window_of(block);
    if (own >= spec.context) return "a window is as long as the context";
    if (own > 0 && window > 0 && own != window) return "its layers' windows differ";
    window = std::max(window, own);
  }
  return std::nullopt;
}

}  // namespace coppice
