// openPangu Ultra MoE (2025): norms before and behind each sublayer, as in Pangu Ultra (Yin et al. 2025),
// multi-head latent attention, and experts chosen by sigmoid scores. Releases differ in the names of some
// keys; those of the first are written.

#include "model/arch/experts.h"
#include "model/arch/fine_experts.h"
#include "model/arch/latent.h"

namespace coppice {
namespace {

// Its own names of keys that the families of DeepSeek have too.
const std::vector<std::pair<std::string, std::string>> key_names = {
    {"num_routed_experts", "n_routed_experts"},    {"num_shared_experts", "n_shared_experts"},
    {"num_dense_layers", "first_k_dense_replace"}, {"attention_q_lora_dim", "q_lora_rank"},
    {"attention_kv_lora_dim", "kv_lora_rank"},     {"attention_qk_dim", "qk_nope_head_dim"},
    {"attention_qk_rope_dim", "qk_rope_head_dim"}, {"attention_v_dim", "v_head_dim"},
    {"num_mtp_layers", "num_nextn_predict_layers"}};

Json with_common_names(Json config, const std::string& where) {
  for (const auto& [own, common] : key_names) {
    if (!config.contains(own)) continue;
    if (config.contains(common))
      throw Error({.where = where,
                   .found = fmt::format("both '{}' and '{}'", own, common),
                   .expected = "one of them"});
    config[common] = config[own];
    config.erase(own);
  }
  return config;
}

constexpr RouterSpec pangu_router = {.score = RouterScore::sigmoid};

}  // namespace

Family pangu_ultra_moe_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(with_common_names(given, where),
                                              {{"norm_topk_prob", true}, {"rms_norm_eps", 1e-5}});
            const bool sandwich = config_value(config, "sandwich_norm", false, where);
            MoeSpec moe = read_fine_experts(config, where);
            moe.router.score = pangu_router.score;
            moe.router.selection_bias = config_value(config, "router_enable_expert_bias", false, where);
            config_must_be(config, "moe_layer_freq", 1, where);
            std::set<std::string> keys = fine_expert_keys();
            keys.insert({"sandwich_norm", "router_enable_expert_bias", "num_nextn_predict_layers"});
            ModelSpec spec = read_latent_shape(config, moe, keys, /*interleaved=*/false, where);
            for (auto& block : spec.blocks) {
              block.norms = sandwich ? NormPlacement::sandwich : NormPlacement::pre;
              std::get<LatentAttentionSpec>(block.mixer).norm_epsilon = spec.norm_epsilon;
            }
            read_leading_dense_layers(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        const NormPlacement norms = spec.blocks.front().norms;
        if (norms != NormPlacement::sandwich && norms != NormPlacement::pre)
          return "its norms stand elsewhere";
        if (auto obstacle = latent_shape_obstacle(spec, norms)) return obstacle;
        const LatentAttentionSpec& attention = first_latent(spec);
        if (attention.rope.interleaved) return "its rotary pairs are interleaved";
        if (attention.norm_epsilon != spec.norm_epsilon) return "its norms have unequal epsilons";
        RouterSpec router = pangu_router;
        const MoeSpec* moe = first_moe(spec);
        if (moe != nullptr) router.selection_bias = moe->router.selection_bias;
        if (auto obstacle = fine_experts_obstacle(spec, router)) return obstacle;
        if (moe->router.group_rule != GroupRule::none) return "its experts are selected by groups";
        Json config;
        write_leading_dense_layers(spec, config);
        if (config["moe_layer_freq"] != 1) return "some layers after the first with experts are dense";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const MoeSpec& moe = *first_moe(spec);
            Json config = {{"architectures", {"PanguUltraMoEForCausalLM"}},
                           {"model_type", "pangu_ultra_moe"}};
            config.update(write_latent_shape(spec));
            write_fine_experts(moe, config);
            write_leading_dense_layers(spec, config);
            config.erase("moe_layer_freq");
            for (const auto& [own, common] : key_names) {
              if (!config.contains(common)) continue;
              config[own] = config[common];
              config.erase(common);
            }
            config["sandwich_norm"] = spec.blocks.front().norms == NormPlacement::sandwich;
            config["router_enable_expert_bias"] = moe.router.selection_bias;
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(fine_expert_name(name),
                                      {{".pre_feedforward_layernorm.", ".pre_mlp_layernorm."},
                                       {".post_feedforward_layernorm.", ".post_mlp_layernorm."}});
          },
      .is_buffer = is_next_token_layer,
      .other_mixers = true,
  };
}

}  // namespace coppice
