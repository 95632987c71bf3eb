#include "model/arch/latent.h"

namespace coppice {

const LatentAttentionSpec& first_latent(const ModelSpec& spec) {
  return std::get<LatentAttentionSpec>(spec.blocks.front().mixer);
}

ModelSpec read_latent_shape(const Json& config, const FfnSpec& ffn, std::set<std::string> family_keys,
                            bool interleaved, const std::string& where) {
  LatentAttentionSpec attention;
  constexpr int64_t most_rank = 1 << 20, most_dim = 65536;
  attention.heads = config_count(config, "num_attention_heads", most_dim, where);
  const auto query_rank = config.find("q_lora_rank");
  if (query_rank != config.end() && !query_rank->is_null())
    attention.query_rank = config_count(config, "q_lora_rank", most_rank, where);
  attention.latent_rank = config_count(config, "kv_lora_rank", most_rank, where);
  attention.plain_dim = config_count(config, "qk_nope_head_dim", most_dim, where);
  attention.rotary_dim = config_count(config, "qk_rope_head_dim", most_dim, where);
  attention.value_dim = config_count(config, "v_head_dim", most_dim, where);
  attention.bias = config_value(config, "attention_bias", false, where);
  attention.rope = read_rope(config, where, {.yarn = true});
  attention.rope.interleaved = interleaved;
  // These follow from the others; Transformers writes them all the same.
  config_must_be(config, "num_key_value_heads", attention.heads, where);
  config_must_be(config, "head_dim", attention.rotary_dim, where);
  config_must_be(config, "qk_head_dim", attention.query_dim(), where);
  Json plain = config;
  for (const char* key : {"rope_scaling", "rope_parameters"}) plain.erase(key);
  plain["head_dim"] = 2;  // heads of latent attention need not add up to anything
  family_keys.insert({"q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim",
                      "qk_head_dim", "attention_bias"});
  ModelSpec spec = read_llama_shape(plain, ffn, family_keys, where);
  for (auto& block : spec.blocks) block.mixer = attention;
  return spec;
}

Json write_latent_shape(const ModelSpec& spec) {
  const LatentAttentionSpec& attention = first_latent(spec);
  Json config = {{"vocab_size", spec.vocabulary},
                 {"hidden_size", spec.width},
                 {"num_hidden_layers", spec.blocks.size()},
                 {"num_attention_heads", attention.heads},
                 {"num_key_value_heads", attention.heads},
                 {"max_position_embeddings", spec.context},
                 {"rms_norm_eps", spec.norm_epsilon},
                 {"rope_theta", attention.rope.theta},
                 {"rope_scaling", write_rope_scaling(attention.rope)},
                 {"tie_word_embeddings", spec.tied_embeddings},
                 {"attention_bias", attention.bias},
                 {"q_lora_rank", attention.query_rank > 0 ? Json(attention.query_rank) : Json(nullptr)},
                 {"kv_lora_rank", attention.latent_rank},
                 {"qk_nope_head_dim", attention.plain_dim},
                 {"qk_rope_head_dim", attention.rotary_dim},
                 {"v_head_dim", attention.value_dim}};
  write_special_tokens(spec, config);
  return config;
}

std::optional<std::string> latent_shape_obstacle(const ModelSpec& spec, NormPlacement norms) {
  if (spec.norm != NormKind::rms) return "its norms are not RMSNorm";
  if (spec.learned_positions || spec.position_offset != 0) return "its positions are learned";
  if (spec.head_bias) return "its output head has a bias";
  for (const auto& block : spec.blocks) {
    if (!std::holds_alternative<LatentAttentionSpec>(block.mixer))
      return "some layers have no latent attention";
    if (block.mixer != spec.blocks.front().mixer) return "its layers' attention differs";
    if (block.norms != norms) return "its norms stand elsewhere";
  }
  return std::nullopt;
}

}  // namespace coppice
