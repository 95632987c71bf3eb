// DeepSeek-V3 (2024) and R1: DeepSeek-V2 with sigmoid scores, a bias that balances the selection without a
// loss, and groups of experts ranked by their two best.

#include "model/arch/experts.h"
#include "model/arch/fine_experts.h"
#include "model/arch/latent.h"

namespace coppice {
namespace {

constexpr RouterSpec v3_router = {.score = RouterScore::sigmoid, .selection_bias = true};

}  // namespace

Family deepseek_v3_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"norm_topk_prob", true},
                                                      {"routed_scaling_factor", 2.5},
                                                      {"n_group", 8},
                                                      {"topk_group", 4}});
            config_must_be(config, "scoring_func", "sigmoid", where);
            config_must_be(config, "topk_method", "noaux_tc", where);
            const auto next = config_value<int64_t>(config, "num_nextn_predict_layers", 0, where);
            if (next < 0 || next > 1)
              throw Error({.where = where + ".num_nextn_predict_layers",
                           .found = fmt::format("{}", next),
                           .expected = "0 or 1"});
            MoeSpec moe = read_fine_experts(config, where);
            moe.router.score = v3_router.score;
            moe.router.selection_bias = v3_router.selection_bias;
            const int64_t groups = config_count(config, "n_group", 1 << 17, where);
            const int64_t kept = config_count(config, "topk_group", 1 << 17, where);
            if (groups > 1) {
              moe.router.group_rule = GroupRule::best_two;
              moe.router.groups = groups;
              moe.router.kept_groups = kept;
            }
            const bool interleaved = config_value(config, "rope_interleave", true, where);
            std::set<std::string> keys = fine_expert_keys();
            keys.insert({"n_group", "topk_group", "num_nextn_predict_layers", "rope_interleave"});
            ModelSpec spec = read_latent_shape(config, moe, keys, interleaved, where);
            read_leading_dense_layers(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = latent_shape_obstacle(spec)) return obstacle;
        if (first_latent(spec).norm_epsilon != LatentAttentionSpec().norm_epsilon)
          return "its norms of compressed queries and keys have another epsilon";
        if (auto obstacle = fine_experts_obstacle(spec, v3_router)) return obstacle;
        const RouterSpec& router = first_moe(spec)->router;
        if (router.group_rule != GroupRule::none && router.group_rule != GroupRule::best_two)
          return "its experts are selected by another rule of groups";
        if (router.group_rule == GroupRule::best_two && router.groups == 1)
          return "its experts lie in one group";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const MoeSpec& moe = *first_moe(spec);
            Json config = {{"architectures", {"DeepseekV3ForCausalLM"}}, {"model_type", "deepseek_v3"}};
            config.update(write_latent_shape(spec));
            write_fine_experts(moe, config);
            write_leading_dense_layers(spec, config);
            config["scoring_func"] = "sigmoid";
            config["topk_method"] = "noaux_tc";
            config["n_group"] = moe.router.groups;
            config["topk_group"] = moe.router.kept_groups;
            config["rope_interleave"] = first_latent(spec).rope.interleaved;
            config["num_nextn_predict_layers"] = 0;
            return config;
          },
      .file_name = fine_expert_name,
      .is_buffer = is_next_token_layer,
      .other_mixers = true,
  };
}

}  // namespace coppice
