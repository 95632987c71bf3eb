// Qwen3-MoE (Yang et al. 2025): Qwen 3 with many small experts, in all layers but those listed as dense.

#include "model/arch/experts.h"
#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {

Family qwen3_moe_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"num_key_value_heads", 4},
                                                      {"max_position_embeddings", 32768},
                                                      {"num_experts_per_tok", 8},
                                                      {"moe_intermediate_size", 768}});
            // Releases of Transformers differ in which layers they would window.
            config_must_be(config, "use_sliding_window", false, where);
            const MoeSpec moe = read_equal_experts(config, "moe_intermediate_size", where);
            std::set<std::string> keys = layer_window_keys();
            keys.insert(expert_keys().begin(), expert_keys().end());
            keys.insert("attention_bias");
            ModelSpec spec = read_llama_shape(config, moe, keys, where);
            read_layer_windows(config, spec, where);
            for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qk_norm = QkNorm::head;
            read_dense_layers(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.qk_norm = QkNorm::head})) return obstacle;
        if (auto obstacle = equal_experts_obstacle(spec, true)) return obstacle;
        if (first_moe(spec)->shared_width > 0) return "it has a shared expert";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = {{"architectures", {"Qwen3MoeForCausalLM"}}, {"model_type", "qwen3_moe"}};
            config.update(write_llama_shape(spec));
            write_equal_experts(*first_moe(spec), "moe_intermediate_size", config);
            write_dense_layers(spec, config);
            config["use_sliding_window"] = false;
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .packed_file_name = packed_experts_name,
  };
}

}  // namespace coppice
