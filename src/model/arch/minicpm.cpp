// MiniCPM (Hu et al. 2024): Llama whose embeddings, residual branches and head inputs are scaled. BlockFFN (Song et al.
// 2025) is MiniCPM with latent attention and, in every block, small experts without gates behind a router of ReLU and
// RMSNorm, packed into one tensor for each matrix.

#include <cmath>

#include "model/arch/experts.h"
#include "model/arch/latent.h"

namespace coppice {
namespace {

const std::set<std::string>& scale_keys() {
  static const std::set<std::string> keys = {
      "scale_emb",   "scale_depth", "dim_model_base",      "attention_type", "attention_bias",
      "ffn_type",    "ffn_gated",   "norm_after_router",   "norm_scale",     "router_act",
      "expert_size", "num_experts", "block_implementation"};
  return keys;
}

// What blocks add is divided by the square root of their number.
double residual_scale(double scale_depth, size_t layers) {
  return scale_depth / std::sqrt(static_cast<double>(layers));
}

// The number with the fewest digits that reading makes that scale of.
double scale_depth_of(const ModelSpec& spec) {
  const double depth = spec.residual_scale * std::sqrt(static_cast<double>(spec.blocks.size()));
  for (const int digits : {6, 10, 14}) {
    const double shorter = std::stod(fmt::format("{:.{}g}", depth, digits));
    if (residual_scale(shorter, spec.blocks.size()) == spec.residual_scale) return shorter;
  }
  for (const double near : {std::nextafter(depth, 0.0), std::nextafter(depth, 2 * depth)})
    if (residual_scale(near, spec.blocks.size()) == spec.residual_scale) return near;
  return depth;
}

FfnSpec read_ffn(const Json& config, const std::string& where) {
  const auto type = config_value<std::string>(config, "ffn_type", "vanilla", where);
  const Activation activation = read_activation(config, "hidden_act", "silu", where);
  if (type == "vanilla") {
    config_must_be(config, "num_experts", nullptr, where);
    config_must_be(config, "ffn_gated", true, where);
    return read_plain_ffn(config, where);
  }
  config_must_be(config, "ffn_type", "block", where);
  config_must_be(config, "router_act", "relu", where);
  config_must_be(config, "norm_after_router", "rms", where);
  config_required<std::string>(config, "norm_after_router", where);
  const int64_t layers = config_count(config, "num_hidden_layers", max_layers, where);
  const int64_t experts = read_experts(config, "num_experts", layers, where);
  const auto width = config_required<int64_t>(config, "expert_size", where);
  return MoeSpec{.widths = std::vector<int64_t>(static_cast<size_t>(experts), width),
                 .top_k = experts,
                 .router = {.score = RouterScore::relu_norm,
                            .weight = ExpertWeight::score,
                            .norm_epsilon = config_value(config, "rms_norm_eps", 1e-6, where)},
                 .gated = false,
                 .activation = activation};
}

ModelSpec read_minicpm(const Json& given, const std::string& where) {
  Json config = with_defaults(given, {{"tie_word_embeddings", true}, {"max_position_embeddings", 4096}});
  const FfnSpec ffn = read_ffn(config, where);
  const auto attention = config_value<std::string>(config, "attention_type", "vanilla", where);
  ModelSpec spec;
  if (attention == "mla") {
    // Its code takes the width of values for granted.
    const auto width = config_required<int64_t>(config, "hidden_size", where);
    const int64_t value = width / read_heads(config, "num_attention_heads", width, where);
    config_must_be(config, "v_head_dim", value, where);
    config["v_head_dim"] = value;
    spec = read_latent_shape(config, ffn, scale_keys(), false, where);
  } else {
    config_must_be(config, "attention_type", "vanilla", where);
    spec = read_llama_shape(config, ffn, scale_keys(), where);
  }
  spec.embedding_scale = config_value(config, "scale_emb", 1.0, where);
  spec.residual_scale = residual_scale(config_value(config, "scale_depth", 1.0, where), spec.blocks.size());
  spec.logit_scale = config_value(config, "dim_model_base", 1.0, where) / static_cast<double>(spec.width);
  return spec;
}

bool is_latent(const ModelSpec& spec) {
  return std::holds_alternative<LatentAttentionSpec>(spec.blocks.front().mixer);
}

std::optional<std::string> minicpm_obstacle(const ModelSpec& spec) {
  if (auto obstacle = encoder_part_obstacle(spec)) return obstacle;
  if (auto obstacle = unequal_blocks_obstacle(spec)) return obstacle;
  if (auto obstacle = is_latent(spec) ? latent_shape_obstacle(spec) : llama_shape_obstacle(spec))
    return obstacle;
  if (is_latent(spec) && first_latent(spec).heads * first_latent(spec).value_dim != spec.width)
    return "the values of its heads do not add up to its width";
  const MoeSpec* moe = moe_of(spec.blocks.front());
  if (moe == nullptr) return plain_ffn_obstacle(spec);
  if (moe->router.score != RouterScore::relu_norm || moe->top_k != moe->experts())
    return "its router is not ReLU and RMSNorm";
  if (moe->gated) return "its experts are gated";
  if (moe->router.norm_epsilon != spec.norm_epsilon) return "its routers' norms have another epsilon";
  if (moe->storage != ExpertStorage::separate || moe->shared_width > 0)
    return "its experts are of another kind";
  return std::nullopt;
}

Json write_minicpm(const ModelSpec& spec) {
  Json config = {{"architectures", {"MiniCPMForCausalLM"}}, {"model_type", "minicpm"}};
  config.update(is_latent(spec) ? write_latent_shape(spec) : write_llama_shape(spec));
  config["attention_type"] = is_latent(spec) ? "mla" : "vanilla";
  config["scale_emb"] = spec.embedding_scale;
  config["scale_depth"] = scale_depth_of(spec);
  config["dim_model_base"] = spec.logit_scale * static_cast<double>(spec.width);
  if (const MoeSpec* moe = moe_of(spec.blocks.front())) {
    config["ffn_type"] = "block";
    config["hidden_act"] = write_activation(moe->activation);
    config["router_act"] = "relu";
    config["norm_after_router"] = "rms";
    config["num_experts"] = moe->experts();
    config["expert_size"] = moe->widths.front();
    return config;
  }
  const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
  config["ffn_type"] = "vanilla";
  config["hidden_act"] = write_activation(ffn.activation);
  config["intermediate_size"] = ffn.width;
  return config;
}

std::string minicpm_file_name(const std::string& name) {
  const size_t experts = name.find(".mlp.experts.");
  if (experts == name.npos)
    return with_parts_renamed(
        name, {{".mlp.gate.weight", ".mlp.router_proj.weight"}, {".mlp.gate.norm.", ".mlp.router_norm."}});
  return name.substr(0, experts) + (name.ends_with("down_proj.weight") ? ".mlp.down_proj" : ".mlp.up_proj");
}

}  // namespace

Family minicpm_family() {
  return {.read = read_minicpm,
          .obstacle = minicpm_obstacle,
          .write = write_minicpm,
          .file_name = minicpm_file_name,
          .layout =
              [](const TensorSpec& tensor, const ModelSpec& spec) {
                return packed_experts_layout(tensor, spec).value_or(TensorLayout{});
              },
          .other_mixers = true,
          .scales = true};
}

}  // namespace coppice
