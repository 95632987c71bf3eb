// Pangu Pro MoE (Tang et al. 2025), a mixture of grouped experts: as many groups as experts are selected, the
// best one of each, weighted by its softmax score over all experts times a learned number of its own; a
// shared expert beside them.

#include "model/arch/experts.h"
#include "model/arch/llama.h"

namespace coppice {
namespace {

RouterSpec grouped_router(int64_t groups) {
  return {.weight = ExpertWeight::scaled, .group_rule = GroupRule::each, .groups = groups};
}

TensorLayout pangu_layout(const TensorSpec& tensor, const ModelSpec&) {
  return {.one_row = tensor.name.ends_with(".mlp.gate.scale")};
}

// What equal_experts_obstacle knows, the router left out.
ModelSpec with_plain_routers(ModelSpec spec) {
  for (auto& block : spec.blocks)
    if (MoeSpec* moe = moe_of(block)) moe->router = {};
  return spec;
}

}  // namespace

Family pangu_pro_moe_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"attention_bias", true},
                                                      {"rms_norm_eps", 1e-5},
                                                      {"rope_theta", 16000000.0},
                                                      {"num_experts_per_tok", 8},
                                                      {"max_position_embeddings", 131072}});
            MoeSpec moe = read_equal_experts(config, "moe_intermediate_size", where);
            config_must_be(config, "norm_topk_prob", false, where);
            moe.router = grouped_router(moe.top_k);
            moe.shared_width = config_value<int64_t>(config, "shared_expert_intermediate_size", 0, where);
            std::set<std::string> keys = expert_keys();
            keys.insert({"shared_expert_intermediate_size", "attention_bias"});
            ModelSpec spec = read_llama_shape(config, moe, keys, where);
            read_dense_layers(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec)) return obstacle;
        if (auto obstacle = equal_experts_obstacle(with_plain_routers(spec), true)) return obstacle;
        const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
        if (attention.heads * attention.head_dim != spec.width) return "its heads do not add up to its width";
        for (const auto& block : spec.blocks) {
          const MoeSpec* moe = moe_of(block);
          if (moe == nullptr) continue;
          if (moe->router != grouped_router(moe->top_k))
            return "its router does not take one expert of each group";
          if (moe->shared_gate) return "its shared expert has a gate";
        }
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const MoeSpec& moe = *first_moe(spec);
            Json config = {{"architectures", {"PanguProMoEForCausalLM"}}, {"model_type", "PanguProMoE"}};
            config.update(write_llama_shape(spec));
            config.erase("head_dim");
            write_equal_experts(moe, "moe_intermediate_size", config);
            config.erase("norm_topk_prob");
            config["shared_expert_intermediate_size"] = moe.shared_width;
            write_dense_layers(spec, config);
            config.erase("decoder_sparse_step");
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(name, {{".mlp.gate.scale", ".mlp.router_scale"}});
          },
      .layout = pangu_layout,
  };
}

}  // namespace coppice
