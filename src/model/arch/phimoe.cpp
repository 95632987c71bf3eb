// Phi-3.5-MoE (Abdin et al. 2024) and GRIN (Liu et al. 2024): LayerNorm, grouped attention with biases, in every block
// SwiGLU experts of which SparseMixer takes two, one after the other; LongRoPE. GRIN's checkpoints have model_type
// grinmoe.

#include "model/arch/experts.h"
#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {
namespace {

struct PhiMoeKind {
  const char *model_type, *architecture;
};
constexpr PhiMoeKind phimoe = {"phimoe", "PhiMoEForCausalLM"}, grinmoe = {"grinmoe", "GRINMoEForCausalLM"};

ModelSpec read_phimoe(const Json& given, const std::string& where) {
  const Json config = with_defaults(given, {{"num_key_value_heads", 8},
                                            {"max_position_embeddings", 4096 * 32},
                                            {"rms_norm_eps", 1e-5},
                                            {"rope_theta", 1e6},
                                            {"num_experts_per_tok", 2},
                                            {"num_local_experts", 16}});
  config_must_be(config, "num_experts_per_tok", 2, where);
  MoeSpec moe = read_equal_experts(config, "intermediate_size", where);
  moe.router = {.score = RouterScore::none,
                .weight = ExpertWeight::survivors,
                .jitter = config_value(config, "router_jitter_noise", 0.01, where)};
  const RopeSpec rope = read_rope(config, where, {.longrope = true});
  Json plain = config;
  for (const char* key : {"rope_scaling", "rope_parameters"}) plain.erase(key);
  ModelSpec spec = read_llama_shape(
      plain, moe,
      {"num_local_experts", "num_experts_per_tok", "sliding_window", "attention_bias", "lm_head_bias",
       "input_jitter_noise", "original_max_position_embeddings", "hidden_dropout"},
      where);
  spec.norm = NormKind::layer;
  spec.head_bias = config_value(config, "lm_head_bias", false, where);
  // Beyond it all keys would turn otherwise.
  if (rope.scaling == RopeScaling::longrope) spec.context = std::min(spec.context, rope.original_context);
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).rope = rope;
  read_window(config, spec, where);
  return spec;
}

std::optional<std::string> phimoe_obstacle(const ModelSpec& spec) {
  if (auto obstacle = encoder_part_obstacle(spec)) return obstacle;
  if (auto obstacle = unequal_blocks_obstacle(spec)) return obstacle;
  if (spec.norm != NormKind::layer || !spec.norm_bias) return "its norms are not LayerNorm with bias";
  const BlockSpec& block = spec.blocks.front();
  if (block.norms != NormPlacement::pre) return "its norms stand elsewhere";
  const auto& attention = std::get<AttentionSpec>(block.mixer);
  if (attention.heads * attention.head_dim != spec.width) return "its heads do not add up to its width";
  const MoeSpec* moe = moe_of(block);
  if (moe == nullptr) return "it has no mixture of experts";
  if (moe->router.weight != ExpertWeight::survivors || moe->top_k != 2)
    return "its router does not take two experts, one after the other";
  if (moe->storage != ExpertStorage::separate) return "its experts share their weights";
  return std::nullopt;
}

Json write_phimoe(const ModelSpec& spec, const PhiMoeKind& kind) {
  const MoeSpec& moe = *moe_of(spec.blocks.front());
  Json config = {{"architectures", Json::array({kind.architecture})}, {"model_type", kind.model_type}};
  config.update(write_llama_shape(spec));
  config.erase("head_dim");
  config["lm_head_bias"] = spec.head_bias;
  config["intermediate_size"] = moe.widths.front();
  config["hidden_act"] = write_activation(moe.activation);
  config["num_local_experts"] = moe.experts();
  config["num_experts_per_tok"] = moe.top_k;
  config["router_jitter_noise"] = moe.router.jitter;
  config["sliding_window"] = write_window(spec);
  return config;
}

Family family_of(const PhiMoeKind& kind) {
  return {.read = read_phimoe,
          .obstacle = phimoe_obstacle,
          .write = [kind](const ModelSpec& spec) { return write_phimoe(spec, kind); },
          .file_name = mixtral_file_name};
}

}  // namespace

Family phimoe_family() {
  return family_of(phimoe);
}
Family grinmoe_family() {
  return family_of(grinmoe);
}

}  // namespace coppice
