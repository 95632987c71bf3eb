// DeepSeek-V2 (2024): multi-head latent attention, shared and fine-grained routed experts, which may be
// selected from the groups whose best expert scores highest.

#include "model/arch/experts.h"
#include "model/arch/fine_experts.h"
#include "model/arch/latent.h"

namespace coppice {
namespace {

void read_groups(const Json& config, RouterSpec& router, const std::string& where) {
  const auto method = config_value<std::string>(config, "topk_method", "greedy", where);
  if (method == "group_limited_greedy") {
    router.group_rule = GroupRule::best;
    router.groups = config_count(config, "n_group", 1 << 17, where);
    router.kept_groups = config_count(config, "topk_group", 1 << 17, where);
  } else if (method != "greedy" && method != "gready") {  // the first releases' spelling
    throw Error({.where = where + ".topk_method",
                 .found = fmt::format("'{}'", method),
                 .expected = "greedy or group_limited_greedy"});
  }
}

}  // namespace

Family deepseek_v2_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            config_must_be(config, "scoring_func", "softmax", where);
            config_must_be(config, "mlp_bias", false, where);
            MoeSpec moe = read_fine_experts(config, where);
            read_groups(config, moe.router, where);
            // Of two published implementations one scales renormalised weights and the other does not.
            if (moe.router.weight == ExpertWeight::renormalised)
              config_must_be(config, "routed_scaling_factor", 1.0, where);
            std::set<std::string> keys = fine_expert_keys();
            keys.insert({"n_group", "topk_group", "mlp_bias"});
            ModelSpec spec = read_latent_shape(config, moe, keys, /*interleaved=*/true, where);
            read_leading_dense_layers(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = latent_shape_obstacle(spec)) return obstacle;
        if (!first_latent(spec).rope.interleaved) return "its rotary pairs are half-split";
        if (first_latent(spec).norm_epsilon != LatentAttentionSpec().norm_epsilon)
          return "its norms of compressed queries and keys have another epsilon";
        if (auto obstacle = fine_experts_obstacle(spec, {})) return obstacle;
        const RouterSpec& router = first_moe(spec)->router;
        if (router.group_rule != GroupRule::none && router.group_rule != GroupRule::best)
          return "its experts are selected by another rule of groups";
        if (router.weight == ExpertWeight::renormalised && router.scale != 1)
          return "its renormalised expert weights are scaled";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const MoeSpec& moe = *first_moe(spec);
            const bool grouped = moe.router.group_rule == GroupRule::best;
            Json config = {{"architectures", {"DeepseekV2ForCausalLM"}}, {"model_type", "deepseek_v2"}};
            config.update(write_latent_shape(spec));
            write_fine_experts(moe, config);
            write_leading_dense_layers(spec, config);
            config["scoring_func"] = "softmax";
            config["topk_method"] = grouped ? "group_limited_greedy" : "greedy";
            config["n_group"] = moe.router.groups;
            config["topk_group"] = moe.router.kept_groups;
            return config;
          },
      .file_name = fine_expert_name,
      .other_mixers = true,
  };
}

}  // namespace coppice
