// Llama 1, 2, 3 and 3.1 (Touvron et al. 2023; Grattafiori et al. 2024): RMSNorm, rotary GQA, SwiGLU.

#include "model/arch/llama.h"

namespace coppice {

ModelSpec read_llama_shape(const Json& config, const FfnSpec& ffn, const std::set<std::string>& family_keys,
                           const std::string& where) {
  std::set<std::string> known = {"vocab_size",          "hidden_size",         "max_position_embeddings",
                                 "tie_word_embeddings", "rms_norm_eps",        "num_hidden_layers",
                                 "num_attention_heads", "num_key_value_heads", "head_dim",
                                 "rope_theta",          "rope_scaling",        "rope_parameters",
                                 "hidden_act",          "intermediate_size"};
  known.insert(family_keys.begin(), family_keys.end());
  refuse_unknown_keys(config, known, where);
  ModelSpec spec;
  spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
  spec.width = config_required<int64_t>(config, "hidden_size", where);
  spec.context = config_value<int64_t>(config, "max_position_embeddings", 2048, where);
  spec.tied_embeddings = config_value(config, "tie_word_embeddings", false, where);
  spec.norm_epsilon = config_value(config, "rms_norm_eps", 1e-6, where);
  read_special_tokens(config, spec, where);

  AttentionSpec attention;
  attention.heads = config_required<int64_t>(config, "num_attention_heads", where);
  attention.kv_heads = config_value(config, "num_key_value_heads", attention.heads, where);
  if (attention.heads < 1 || attention.kv_heads < 1)
    throw Error({.where = where, .found = "no attention heads"});
  const auto head_dim = config_value<std::optional<int64_t>>(config, "head_dim", std::nullopt, where);
  if (!head_dim && spec.width % attention.heads != 0)
    throw Error({.where = where,
                 .found = fmt::format("hidden_size {} on {} heads", spec.width, attention.heads),
                 .expected = "a multiple, or a head_dim"});
  attention.head_dim = head_dim.value_or(spec.width / attention.heads);
  attention.qkv_bias = attention.output_bias = config_value(config, "attention_bias", false, where);
  attention.rope = read_rope(config, where);
  const int64_t layers = config_count(config, "num_hidden_layers", max_layers, where);
  const auto* moe = std::get_if<MoeSpec>(&ffn);
  if (moe != nullptr && moe->experts() * layers > max_experts_in_model)
    throw Error({.where = where,
                 .found = fmt::format("{} experts in each of {} layers", moe->experts(), layers),
                 .expected = fmt::format("at most {} experts in all", max_experts_in_model)});
  spec.blocks.assign(static_cast<size_t>(layers), BlockSpec{attention, ffn});
  return spec;
}

Json write_llama_shape(const ModelSpec& spec) {
  const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
  Json config;
  config["vocab_size"] = spec.vocabulary;
  config["hidden_size"] = spec.width;
  config["num_hidden_layers"] = spec.blocks.size();
  config["num_attention_heads"] = attention.heads;
  config["num_key_value_heads"] = attention.kv_heads;
  config["head_dim"] = attention.head_dim;
  config["max_position_embeddings"] = spec.context;
  config["rms_norm_eps"] = spec.norm_epsilon;
  config["rope_theta"] = attention.rope.theta;
  config["rope_scaling"] = write_rope_scaling(attention.rope);
  config["tie_word_embeddings"] = spec.tied_embeddings;
  config["attention_bias"] = attention.qkv_bias;
  write_special_tokens(spec, config);
  return config;
}

std::optional<std::string> llama_shape_obstacle(const ModelSpec& spec, const LlamaShape& shape) {
  if (auto obstacle = encoder_part_obstacle(spec)) return obstacle;
  if (auto obstacle = attention_obstacle(spec)) return obstacle;
  if (spec.norm != NormKind::rms) return "its norms are not RMSNorm";
  if (spec.learned_positions || spec.position_offset != 0) return "its positions are learned";
  if (spec.head_bias) return "its output head has a bias";
  const auto windowless = [&](const BlockSpec& block) {
    AttentionSpec attention = std::get<AttentionSpec>(block.mixer);
    if (shape.windows) attention.window = 0;
    return attention;
  };
  const AttentionSpec first = windowless(spec.blocks.front());
  for (const auto& block : spec.blocks) {
    if (windowless(block) != first) return "its layers' attention differs";
    if (block.norms != shape.norms) return "its norms stand elsewhere";
  }
  if (first.qk_norm != shape.qk_norm) return "its norms of queries and keys are others";
  if (!shape.gated && first.gate != AttentionGate::none) return "its attention is gated";
  if (first.window != 0) return "its attention has a window";
  if (first.rope.fraction != 1) return "its heads turn partly";
  if (!shape.qkv_bias_alone && first.qkv_bias != first.output_bias)
    return "attention biases on some projections only";
  return std::nullopt;
}

std::optional<std::string> gated_ffn_obstacle(const ModelSpec& spec) {
  for (const auto& block : spec.blocks) {
    const auto* ffn = std::get_if<DenseFfnSpec>(&block.ffn);
    if (ffn == nullptr) return "it has a mixture of experts";
    if (!ffn->gated) return "its FFN is not gated";
    if (block.ffn != spec.blocks.front().ffn) return "its layers' FFNs differ";
  }
  return std::nullopt;
}

DenseFfnSpec read_plain_ffn(const Json& config, const std::string& where) {
  return {.width = config_required<int64_t>(config, "intermediate_size", where),
          .activation = read_activation(config, "hidden_act", "silu", where)};
}

std::optional<std::string> plain_ffn_obstacle(const ModelSpec& spec) {
  if (auto obstacle = gated_ffn_obstacle(spec)) return obstacle;
  if (std::get<DenseFfnSpec>(spec.blocks.front().ffn).bias) return "its FFN has biases";
  return std::nullopt;
}

Json write_plain_llama(const ModelSpec& spec, const char* architecture, const char* model_type) {
  const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
  Json config = {{"architectures", Json::array({architecture})}, {"model_type", model_type}};
  config.update(write_llama_shape(spec));
  config["intermediate_size"] = ffn.width;
  config["hidden_act"] = write_activation(ffn.activation);
  return config;
}

Family llama_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            DenseFfnSpec ffn = read_plain_ffn(config, where);
            ffn.bias = config_value(config, "mlp_bias", false, where);
            return read_llama_shape(config, ffn, {"attention_bias", "mlp_bias"}, where);
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec)) return obstacle;
        return gated_ffn_obstacle(spec);
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = write_plain_llama(spec, "LlamaForCausalLM", "llama");
            config["mlp_bias"] = std::get<DenseFfnSpec>(spec.blocks.front().ffn).bias;
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
      .optional_prefix = "model.",
  };
}

}  // namespace coppice
