// DeepSeekMoE (Dai et al. 2024): Llama with shared experts and many fine-grained routed ones, softmax over
// all, top-k, in all layers but the first few.

#include "model/arch/experts.h"
#include "model/arch/fine_experts.h"
#include "model/arch/llama.h"

namespace coppice {

Family deepseek_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            config_must_be(config, "scoring_func", "softmax", where);
            config_must_be(config, "topk_method", "greedy", where);
            config_must_be(config, "routed_scaling_factor", 1.0, where);
            ModelSpec spec =
                read_llama_shape(config, read_fine_experts(config, where), fine_expert_keys(), where);
            read_leading_dense_layers(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec)) return obstacle;
        if (auto obstacle = fine_experts_obstacle(spec, {})) return obstacle;
        if (first_moe(spec)->shared_width == 0) return "it has no shared expert";
        const RouterSpec& router = first_moe(spec)->router;
        if (router.scale != 1) return "its expert weights are scaled";
        if (router.group_rule != GroupRule::none) return "its experts are selected by groups";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = {{"architectures", {"DeepseekForCausalLM"}}, {"model_type", "deepseek"}};
            config.update(write_llama_shape(spec));
            write_fine_experts(*first_moe(spec), config);
            config.erase("routed_scaling_factor");
            write_leading_dense_layers(spec, config);
            config["scoring_func"] = "softmax";
            return config;
          },
      .file_name = fine_expert_name,
  };
}

}  // namespace coppice
