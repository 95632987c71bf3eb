// Qwen 3, dense (Yang et al. 2025): Llama with RMSNorm on each query and key head, and windows from some
// layer on.

#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {

Family qwen3_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"num_key_value_heads", 32},
                                                      {"head_dim", 128},
                                                      {"sliding_window", 4096},
                                                      {"max_position_embeddings", 32768}});
            std::set<std::string> keys = layer_window_keys();
            keys.insert("attention_bias");
            ModelSpec spec = read_llama_shape(
                config,
                DenseFfnSpec{.width = config_required<int64_t>(config, "intermediate_size", where),
                             .activation = read_activation(config, "hidden_act", "silu", where)},
                keys, where);
            for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qk_norm = QkNorm::head;
            read_layer_windows(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.qk_norm = QkNorm::head, .windows = true}))
          return obstacle;
        if (auto obstacle = layer_window_obstacle(spec)) return obstacle;
        if (auto obstacle = gated_ffn_obstacle(spec)) return obstacle;
        if (std::get<DenseFfnSpec>(spec.blocks.front().ffn).bias) return "its FFN has biases";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"architectures", {"Qwen3ForCausalLM"}}, {"model_type", "qwen3"}};
            config.update(write_llama_shape(spec));
            config["intermediate_size"] = ffn.width;
            config["hidden_act"] = write_activation(ffn.activation);
            write_layer_windows(spec, config);
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .optional_prefix = "model.",
  };
}

}  // namespace coppice
