// LFM2-MoE (Liquid AI 2025): LFM2 with many small experts behind the first layers, which stay dense; sigmoid
// router whose bias steers the selection alone.

#include "model/arch/experts.h"
#include "model/arch/lfm2.h"

namespace coppice {
namespace {

// Added to the sum that the weights are divided by.
constexpr double sum_epsilon = 1e-6;

// How the router departs from that of other families with equal experts, its free choices aside.
RouterSpec lfm2_router(const RouterSpec& like) {
  const bool renormalised = like.weight == ExpertWeight::renormalised;
  return {.score = RouterScore::sigmoid,
          .weight = renormalised ? ExpertWeight::renormalised : ExpertWeight::score,
          .selection_bias = like.selection_bias,
          .scale = like.scale,
          .sum_epsilon = renormalised ? sum_epsilon : 0};
}

}  // namespace

Family lfm2_moe_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"num_experts", 32},
                                                      {"num_experts_per_tok", 4},
                                                      {"moe_intermediate_size", 1792},
                                                      {"intermediate_size", 7168},
                                                      {"norm_topk_prob", true}});
            MoeSpec moe = read_equal_experts(config, "moe_intermediate_size", where);
            moe.router = lfm2_router({.weight = moe.router.weight,
                                      .selection_bias = config_value(config, "use_expert_bias", true, where),
                                      .scale = config_value(config, "routed_scaling_factor", 1.0, where)});
            ModelSpec spec = read_lfm2_shape(
                config, moe,
                {"num_experts", "num_experts_per_tok", "moe_intermediate_size", "norm_topk_prob",
                 "num_dense_layers", "use_expert_bias", "routed_scaling_factor"},
                where);
            const auto dense = config_value<int64_t>(config, "num_dense_layers", 2, where);
            if (dense < 0)
              throw Error({.where = where + ".num_dense_layers",
                           .found = fmt::format("{}", dense),
                           .expected = "at least 0"});
            const DenseFfnSpec ffn{.width = config_required<int64_t>(config, "intermediate_size", where)};
            for (size_t i = 0; i < spec.blocks.size() && static_cast<int64_t>(i) < dense; ++i)
              spec.blocks[i].ffn = ffn;
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = lfm2_shape_obstacle(spec)) return obstacle;
        if (auto obstacle = equal_experts_obstacle(spec, true, lfm2_router)) return obstacle;
        const MoeSpec& moe = *first_moe(spec);
        if (moe.shared_width > 0) return "it has a shared expert";
        if (moe.activation != Activation::silu) return "its experts' activation is not silu";
        bool sparse = false;
        for (const auto& block : spec.blocks) {
          if (sparse && moe_of(block) == nullptr) return "a dense layer follows one with experts";
          sparse = moe_of(block) != nullptr;
        }
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const MoeSpec& moe = *first_moe(spec);
            Json config = {{"architectures", {"Lfm2MoeForCausalLM"}}, {"model_type", "lfm2_moe"}};
            config.update(write_lfm2_shape(spec));
            write_equal_experts(moe, "moe_intermediate_size", config);
            config.erase("hidden_act");
            config["use_expert_bias"] = moe.router.selection_bias;
            config["routed_scaling_factor"] = moe.router.scale;
            const auto* dense = std::get_if<DenseFfnSpec>(&spec.blocks.front().ffn);
            config["intermediate_size"] =
                dense != nullptr ? dense->width : moe.widths.front();  // else unused
            int64_t dense_layers = 0;
            for (const auto& block : spec.blocks) dense_layers += moe_of(block) == nullptr ? 1 : 0;
            config["num_dense_layers"] = dense_layers;
            return config;
          },
      .file_name = lfm2_file_name,
      .packed_file_name = [](const std::string& name) { return lfm2_file_name(packed_experts_name(name)); },
      .other_mixers = true,
  };
}

}  // namespace coppice
