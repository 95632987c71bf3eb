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
            ModelSpec spec = read_llama_shape(
                config,
                DenseFfnSpec{.width = config_required<int64_t>(config, "intermediate_size", where),
                             .activation = read_activation(config, "hidden_act", "silu", where)},
                {"sliding_window"}, where);
            read_window(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.windows = true})) return obstacle;
        if (auto obstacle = window_obstacle(spec)) return obstacle;
        if (std::get<AttentionSpec>(spec.blocks.front().mixer).qkv_bias) return "it has attention biases";
        if (auto obstacle = gated_ffn_obstacle(spec)) return obstacle;
        if (std::get<DenseFfnSpec>(spec.blocks.front().ffn).bias) return "its FFN has biases";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"architectures", {"MistralForCausalLM"}}, {"model_type", "mistral"}};
            config.update(write_llama_shape(spec));
            config.erase("attention_bias");
            config["intermediate_size"] = ffn.width;
            config["hidden_act"] = write_activation(ffn.activation);
            config["sliding_window"] = write_window(spec);
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .optional_prefix = "model.",
  };
}

}  // namespace coppice
