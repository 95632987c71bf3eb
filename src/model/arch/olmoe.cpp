// OLMoE (Muennighoff et al. 2024): Llama with many small experts in every layer, and RMSNorm over the whole
// query and key projections.

#include "model/arch/experts.h"
#include "model/arch/llama.h"

namespace coppice {

Family olmoe_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(
                given,
                {{"max_position_embeddings", 4096}, {"rms_norm_eps", 1e-5}, {"num_experts_per_tok", 8}});
            config_must_be(config, "clip_qkv", nullptr, where);
            const MoeSpec moe = read_equal_experts(config, "intermediate_size", where);
            ModelSpec spec = read_llama_shape(config, moe,
                                              {"num_experts", "num_local_experts", "num_experts_per_tok",
                                               "norm_topk_prob", "attention_bias"},
                                              where);
            for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qk_norm = QkNorm::projection;
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.qk_norm = QkNorm::projection})) return obstacle;
        if (auto obstacle = equal_experts_obstacle(spec, false)) return obstacle;
        if (first_moe(spec)->shared_width > 0) return "it has a shared expert";
        const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
        if (attention.heads * attention.head_dim != spec.width) return "its heads do not add up to its width";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = {{"architectures", {"OlmoeForCausalLM"}}, {"model_type", "olmoe"}};
            config.update(write_llama_shape(spec));
            config.erase("head_dim");
            write_equal_experts(*first_moe(spec), "intermediate_size", config);
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .packed_file_name = packed_experts_name,
  };
}

}  // namespace coppice
