// Qwen1.5-MoE and Qwen2-MoE (Yang et al. 2024): Qwen 2 with many small experts and a shared one behind a
// sigmoid gate, in all layers but those listed as dense.

#include "model/arch/experts.h"
#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {

Family qwen2_moe_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"num_key_value_heads", 16},
                                                      {"max_position_embeddings", 32768},
                                                      {"num_experts_per_tok", 4},
                                                      {"moe_intermediate_size", 1408},
                                                      {"shared_expert_intermediate_size", 5632}});
            // Releases of Transformers differ in which layers they would window.
            config_must_be(config, "use_sliding_window", false, where);
            MoeSpec moe = read_equal_experts(config, "moe_intermediate_size", where);
            moe.shared_width = config_count(config, "shared_expert_intermediate_size", 1 << 24, where);
            moe.shared_gate = true;
            std::set<std::string> keys = layer_window_keys();
            keys.insert(expert_keys().begin(), expert_keys().end());
            keys.insert({"shared_expert_intermediate_size", "qkv_bias"});
            ModelSpec spec = read_llama_shape(config, moe, keys, where);
            read_layer_windows(config, spec, where);
            const bool bias = config_value(config, "qkv_bias", true, where);
            for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qkv_bias = bias;
            read_dense_layers(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.qkv_bias_alone = true})) return obstacle;
        if (std::get<AttentionSpec>(spec.blocks.front().mixer).output_bias)
          return "its attention output has a bias";
        if (auto obstacle = equal_experts_obstacle(spec, true)) return obstacle;
        if (!first_moe(spec)->shared_gate) return "it has no shared expert behind a gate";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const MoeSpec& moe = *first_moe(spec);
            Json config = {{"architectures", {"Qwen2MoeForCausalLM"}}, {"model_type", "qwen2_moe"}};
            config.update(write_llama_shape(spec));
            config.erase("attention_bias");
            config["qkv_bias"] = std::get<AttentionSpec>(spec.blocks.front().mixer).qkv_bias;
            write_equal_experts(moe, "moe_intermediate_size", config);
            config["shared_expert_intermediate_size"] = moe.shared_width;
            write_dense_layers(spec, config);
            config["use_sliding_window"] = false;
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .packed_file_name = packed_experts_name,
  };
}

}  // namespace coppice
