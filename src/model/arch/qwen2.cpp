// Qwen 2 and 2.5 (Yang et al. 2024): Llama with biases on queries, keys and values, and windows from some
// layer on.

#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {

Family qwen2_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(
                given,
                {{"num_key_value_heads", 32}, {"sliding_window", 4096}, {"max_position_embeddings", 32768}});
            ModelSpec spec =
                read_llama_shape(config, read_plain_ffn(config, where), layer_window_keys(), where);
            for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qkv_bias = true;
            read_layer_windows(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.qkv_bias_alone = true, .windows = true}))
          return obstacle;
        if (auto obstacle = layer_window_obstacle(spec)) return obstacle;
        const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
        if (!attention.qkv_bias) return "its queries, keys and values have no biases";
        if (attention.output_bias) return "its attention output has a bias";
        return plain_ffn_obstacle(spec);
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = write_plain_llama(spec, "Qwen2ForCausalLM", "qwen2");
            config.erase("attention_bias");
            write_layer_windows(spec, config);
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .optional_prefix = "model.",
  };
}

}  // namespace coppice
