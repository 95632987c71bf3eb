// OLMo 2 (OLMo Team 2024): Llama with its norms behind attention and FFN, inside the residual branch, and
// RMSNorm over the whole query and key projections.

#include "model/arch/llama.h"

namespace coppice {

Family olmo2_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"rms_norm_eps", 1e-5}});
            ModelSpec spec =
                read_llama_shape(config, read_plain_ffn(config, where), {"attention_bias"}, where);
            for (auto& block : spec.blocks) {
              block.norms = NormPlacement::post;
              std::get<AttentionSpec>(block.mixer).qk_norm = QkNorm::projection;
            }
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle =
                llama_shape_obstacle(spec, {.norms = NormPlacement::post, .qk_norm = QkNorm::projection}))
          return obstacle;
        const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
        if (attention.heads * attention.head_dim != spec.width) return "its heads do not add up to its width";
        return plain_ffn_obstacle(spec);
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = write_plain_llama(spec, "Olmo2ForCausalLM", "olmo2");
            config.erase("head_dim");
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
  };
}

}  // namespace coppice
