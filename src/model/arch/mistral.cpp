// Mistral (Jiang et al. 2023): Llama whose attention may have one sliding window in every layer.

#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {

Family mistral_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"num_key_value_heads", 8},
                                                      {"sliding_window", 4096},
                                                      {"max_position_embeddings", 4096 * 32}});
            ModelSpec spec =
                read_llama_shape(config, read_plain_ffn(config, where), {"sliding_window"}, where);
            read_window(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.windows = true})) return obstacle;
        if (auto obstacle = window_obstacle(spec)) return obstacle;
        if (std::get<AttentionSpec>(spec.blocks.front().mixer).qkv_bias) return "it has attention biases";
        return plain_ffn_obstacle(spec);
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = write_plain_llama(spec, "MistralForCausalLM", "mistral");
            config.erase("attention_bias");
            config["sliding_window"] = write_window(spec);
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .optional_prefix = "model.",
  };
}

}  // namespace coppice
