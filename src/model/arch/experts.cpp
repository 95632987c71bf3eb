#include "model/arch/experts.h"

#include <algorithm>
#include <charconv>

namespace coppice {
namespace {

// model.layers.LAYER.mlp.experts.EXPERT.MATRIX.weight, in its parts.
struct ExpertName {
  std::string before;  // up to and with "experts."
  int64_t layer = 0, expert = 0;
  std::string matrix;
};

std::optional<ExpertName> parse_expert_name(const std::string& name) {
  constexpr std::string_view layers = "model.layers.", experts = ".mlp.experts.", weight = ".weight";
  const size_t found = name.find(experts);
  if (!name.starts_with(layers) || !name.ends_with(weight) || found == name.npos) return std::nullopt;
  ExpertName parts{.before = name.substr(0, found + experts.size())};
  const char* end = name.data() + name.size() - weight.size();
  std::from_chars(name.data() + layers.size(), name.data() + found, parts.layer);
  const auto number = std::from_chars(name.data() + parts.before.size(), end, parts.expert);
  parts.matrix = std::string(number.ptr + 1, end);
  return parts;
}

}  // namespace

std::string packed_experts_name(const std::string& name) {
  const auto parts = parse_expert_name(name);
  if (!parts) return name;
  return parts->before + (parts->matrix == "down_proj" ? "down_proj" : "gate_up_proj");
}

std::optional<TensorLayout> packed_experts_layout(const TensorSpec& tensor, const ModelSpec& spec) {
  const auto parts = parse_expert_name(tensor.name);
  if (!parts) return std::nullopt;
  const MoeSpec& moe = *moe_of(spec.blocks[static_cast<size_t>(parts->layer)]);
  const int64_t rows = tensor.shape[0];
  const bool beside_gate = moe.gated && parts->matrix != "down_proj";
  const int64_t per_expert = beside_gate ? 2 * rows : rows;
  return TensorLayout{
      .first_row = parts->expert * per_expert + (beside_gate && parts->matrix == "up_proj" ? rows : 0),
      .fused_rows = moe.experts() * per_expert,
      .experts = moe.experts()};
}

const std::set<std::string>& expert_keys() {
  static const std::set<std::string> keys = {
      "num_experts",           "num_local_experts", "num_experts_per_tok", "norm_topk_prob",
      "moe_intermediate_size", "mlp_only_layers",   "decoder_sparse_step"};
  return keys;
}

MoeSpec read_equal_experts(const Json& config, const char* width_key, const std::string& where) {
  const char* key = config.contains("num_local_experts") ? "num_local_experts" : "num_experts";
  const int64_t layers = config_count(config, "num_hidden_layers", max_layers, where);
  const int64_t experts = read_experts(config, key, layers, where);
  const auto width = config_required<int64_t>(config, width_key, where);
  MoeSpec moe{.widths = std::vector<int64_t>(static_cast<size_t>(experts), width),
              .top_k = config_required<int64_t>(config, "num_experts_per_tok", where),
              .activation = read_activation(config, "hidden_act", "silu", where)};
  const bool renormalised = config_value(config, "norm_topk_prob", false, where);
  moe.router.weight = renormalised ? ExpertWeight::renormalised : ExpertWeight::score;
  return moe;
}

void write_equal_experts(const MoeSpec& moe, const char* width_key, Json& config) {
  config["num_experts"] = moe.experts();
  config["num_experts_per_tok"] = moe.top_k;
  config["norm_topk_prob"] = moe.router.weight == ExpertWeight::renormalised;
  config["hidden_act"] = write_activation(moe.activation);
  config[width_key] = moe.widths.front();
}

void read_dense_layers(const Json& config, ModelSpec& spec, const std::string& where) {
  const auto step = config_value<int64_t>(config, "decoder_sparse_step", 1, where);
  if (step < 1)
    throw Error({.where = where + ".decoder_sparse_step",
                 .found = fmt::format("{}", step),
                 .expected = "at least 1"});
  const auto listed = config_value<std::vector<int64_t>>(config, "mlp_only_layers", {}, where);
  const std::set<int64_t> dense(listed.begin(), listed.end());
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const auto layer = static_cast<int64_t>(i);
    if (!dense.contains(layer) && (layer + 1) % step == 0) continue;
    spec.blocks[i].ffn = DenseFfnSpec{.width = config_required<int64_t>(config, "intermediate_size", where),
                                      .activation = read_activation(config, "hidden_act", "silu", where)};
  }
}

void write_dense_layers(const ModelSpec& spec, Json& config) {
  std::vector<int64_t> layers;
  config["intermediate_size"] = first_moe(spec)->widths.front();  // unused if no layer is dense
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const auto* ffn = std::get_if<DenseFfnSpec>(&spec.blocks[i].ffn);
    if (ffn == nullptr) continue;
    config["intermediate_size"] = ffn->width;
    layers.push_back(static_cast<int64_t>(i));
  }
  config["mlp_only_layers"] = layers;
  config["decoder_sparse_step"] = 1;
}

const MoeSpec* first_moe(const ModelSpec& spec) {
  for (const auto& block : spec.blocks)
    if (const MoeSpec* moe = moe_of(block)) return moe;
  return nullptr;
}

RouterSpec softmax_router(const RouterSpec& like) {
  return {.weight = like.weight == ExpertWeight::score ? ExpertWeight::score : ExpertWeight::renormalised};
}

std::optional<std::string> equal_experts_obstacle(const ModelSpec& spec, bool dense_layers,
                                                  RouterSpec (*router_like)(const RouterSpec&)) {
  const MoeSpec* first = first_moe(spec);
  if (first == nullptr) return "no layer has experts";
  if (first->router != router_like(first->router)) return "its router is of another kind";
  if (first->storage != ExpertStorage::separate) return "its experts share their weights";
  if (!first->gated) return "its experts are not gated";
  for (const int64_t width : first->widths)
    if (width != first->widths.front()) return "its experts have unequal widths";
  const DenseFfnSpec* dense = nullptr;
  for (const auto& block : spec.blocks) {
    if (const MoeSpec* moe = moe_of(block)) {
      if (*moe != *first) return "its layers' experts differ";
      continue;
    }
    const auto& ffn = std::get<DenseFfnSpec>(block.ffn);
    if (!dense_layers) return "some layers are dense";
    if (!ffn.gated || ffn.bias || ffn.activation != first->activation)
      return "its dense layers are of another kind";
    if (dense != nullptr && ffn != *dense) return "its dense layers differ";
    dense = &ffn;
  }
  return std::nullopt;
}

}  // namespace coppice
