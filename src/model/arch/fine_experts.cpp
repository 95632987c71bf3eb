#include "model/arch/fine_experts.h"

#include "model/arch/experts.h"

namespace coppice {
namespace {

// first_k_dense_replace and moe_layer_freq.
struct LayerRule {
  int64_t first = 0, step = 1;
  bool has_experts(size_t layer) const {
    return static_cast<int64_t>(layer) >= first && static_cast<int64_t>(layer) % step == 0;
  }
};

// The rule that says which layers have experts, if there is one.
std::optional<LayerRule> layer_rule(const ModelSpec& spec) {
  LayerRule rule;
  while (moe_of(spec.blocks[static_cast<size_t>(rule.first)]) == nullptr) ++rule.first;
  for (rule.step = 1; rule.step <= static_cast<int64_t>(spec.blocks.size()); ++rule.step) {
    bool holds = true;
    for (size_t i = 0; i < spec.blocks.size() && holds; ++i)
      holds = (moe_of(spec.blocks[i]) != nullptr) == rule.has_experts(i);
    if (holds) return rule;
  }
  return std::nullopt;
}

const DenseFfnSpec* first_dense(const ModelSpec& spec) {
  for (const auto& block : spec.blocks)
    if (const auto* ffn = std::get_if<DenseFfnSpec>(&block.ffn)) return ffn;
  return nullptr;
}

}  // namespace

const std::set<std::string>& fine_expert_keys() {
  static const std::set<std::string> keys = {"n_routed_experts",
                                             "n_shared_experts",
                                             "num_experts_per_tok",
                                             "moe_intermediate_size",
                                             "norm_topk_prob",
                                             "routed_scaling_factor",
                                             "scoring_func",
                                             "topk_method",
                                             "first_k_dense_replace",
                                             "moe_layer_freq",
                                             "aux_loss_alpha",
                                             "seq_aux",
                                             "ep_size",
                                             "attention_bias"};
  return keys;
}

MoeSpec read_fine_experts(const Json& config, const std::string& where) {
  const int64_t layers = config_count(config, "num_hidden_layers", max_layers, where);
  const int64_t experts = read_experts(config, "n_routed_experts", layers, where);
  const int64_t width = config_count(config, "moe_intermediate_size", 1 << 24, where);
  const auto shared = config_value<int64_t>(config, "n_shared_experts", 0, where);
  if (shared < 0 || shared > (1 << 24) / width)
    throw Error({.where = where + ".n_shared_experts",
                 .found = fmt::format("{} experts of {} neurons", shared, width),
                 .expected = fmt::format("0 to {}", (1 << 24) / width)});
  MoeSpec moe{.widths = std::vector<int64_t>(static_cast<size_t>(experts), width),
              .top_k = config_required<int64_t>(config, "num_experts_per_tok", where),
              .shared_width = shared * width,
              .activation = read_activation(config, "hidden_act", "silu", where)};
  const bool renormalised = config_value(config, "norm_topk_prob", false, where) && moe.top_k > 1;
  moe.router.weight = renormalised ? ExpertWeight::renormalised : ExpertWeight::score;
  moe.router.scale = config_value(config, "routed_scaling_factor", 1.0, where);
  return moe;
}

void write_fine_experts(const MoeSpec& moe, Json& config) {
  config["n_routed_experts"] = moe.experts();
  config["moe_intermediate_size"] = moe.widths.front();
  config["n_shared_experts"] =
      moe.shared_width > 0 ? Json(moe.shared_width / moe.widths.front()) : Json(nullptr);
  config["num_experts_per_tok"] = moe.top_k;
  config["norm_topk_prob"] = moe.router.weight == ExpertWeight::renormalised;
  config["routed_scaling_factor"] = moe.router.scale;
  config["hidden_act"] = write_activation(moe.activation);
}

void read_leading_dense_layers(const Json& config, ModelSpec& spec, const std::string& where) {
  const LayerRule rule = {.first = config_value<int64_t>(config, "first_k_dense_replace", 0, where),
                          .step = config_value<int64_t>(config, "moe_layer_freq", 1, where)};
  if (rule.step < 1)
    throw Error({.where = where + ".moe_layer_freq",
                 .found = fmt::format("{}", rule.step),
                 .expected = "at least 1"});
  for (size_t i = 0; i < spec.blocks.size(); ++i)
    if (!rule.has_experts(i))
      spec.blocks[i].ffn = DenseFfnSpec{.width = config_required<int64_t>(config, "intermediate_size", where),
                                        .activation = read_activation(config, "hidden_act", "silu", where)};
}

void write_leading_dense_layers(const ModelSpec& spec, Json& config) {
  const LayerRule rule = layer_rule(spec).value();
  config["first_k_dense_replace"] = rule.first;
  config["moe_layer_freq"] = rule.step;
  const DenseFfnSpec* dense = first_dense(spec);
  config["intermediate_size"] = dense != nullptr ? dense->width : first_moe(spec)->widths.front();
}

std::optional<std::string> fine_experts_obstacle(const ModelSpec& spec, const RouterSpec& router) {
  const MoeSpec* first = first_moe(spec);
  if (first == nullptr) return "no layer has experts";
  RouterSpec own = first->router;
  if (own.weight == ExpertWeight::renormalised && first->top_k == 1) return "a single expert is renormalised";
  if (own.weight == ExpertWeight::score || own.weight == ExpertWeight::renormalised)
    own.weight = router.weight;
  own.scale = router.scale;
  own.group_rule = router.group_rule;
  own.groups = router.groups;
  own.kept_groups = router.kept_groups;
  if (own != router) return "its router is of another kind";
  if (first->router.group_rule == GroupRule::none &&
      (first->router.groups != 1 || first->router.kept_groups != 1))
    return "its groups of experts have no part in the selection";
  if (first->storage != ExpertStorage::separate || first->dense_width > 0)
    return "its experts share their weights";
  if (!first->gated) return "its experts are not gated";
  if (first->shared_gate) return "its shared expert has a gate";
  for (const int64_t width : first->widths)
    if (width != first->widths.front() || width == 0) return "its experts have unequal widths";
  if (first->shared_width % first->widths.front() != 0)
    return "its shared expert is not as wide as some routed ones together";
  const DenseFfnSpec* dense = first_dense(spec);
  if (dense != nullptr && (!dense->gated || dense->bias || dense->activation != first->activation))
    return "its dense layers are of another kind";
  for (const auto& block : spec.blocks)
    if (moe_of(block) != nullptr ? *moe_of(block) != *first : std::get<DenseFfnSpec>(block.ffn) != *dense)
      return "its layers' feed-forwards differ";
  if (!layer_rule(spec)) return "no rule of its files says which layers are dense";
  return std::nullopt;
}

std::string fine_expert_name(const std::string& name) {
  return with_parts_renamed(name, {{".mlp.shared_expert.", ".mlp.shared_experts."},
                                   {".mlp.gate.selection_bias", ".mlp.gate.e_score_correction_bias"}});
}

bool is_next_token_layer(const std::string& name, const ModelSpec& spec) {
  return name.starts_with(fmt::format("model.layers.{}.", spec.blocks.size()));
}

}  // namespace coppice
