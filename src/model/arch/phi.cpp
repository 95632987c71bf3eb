// Phi 1, 1.5 and 2 (Gunasekar et al. 2023; Li et al. 2023): attention and FFN side by side behind one
// LayerNorm, heads that turn partly, biases everywhere.

#include "model/arch/config_keys.h"

namespace coppice {

Family phi_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            refuse_unknown_keys(
                config,
                {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                 "num_key_value_heads", "hidden_act", "max_position_embeddings", "layer_norm_eps",
                 "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters",
                 "partial_rotary_factor", "qk_layernorm", "resid_pdrop", "embd_pdrop"},
                where);
            config_must_be(config, "qk_layernorm", false, where);
            ModelSpec spec;
            spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
            spec.width = config_required<int64_t>(config, "hidden_size", where);
            spec.context = config_value<int64_t>(config, "max_position_embeddings", 2048, where);
            spec.tied_embeddings = config_value(config, "tie_word_embeddings", false, where);
            spec.head_bias = true;
            spec.norm = NormKind::layer;
            spec.norm_epsilon = config_value(config, "layer_norm_eps", 1e-5, where);
            read_special_tokens(config, spec, where);
            AttentionSpec attention{.qkv_bias = true, .output_bias = true};
            attention.heads = read_heads(config, "num_attention_heads", spec.width, where);
            attention.kv_heads = config_value(config, "num_key_value_heads", attention.heads, where);
            attention.head_dim = spec.width / attention.heads;
            attention.rope = read_rope(config, where, {.partial = 0.5});
            const DenseFfnSpec ffn{.width = config_required<int64_t>(config, "intermediate_size", where),
                                   .gated = false,
                                   .bias = true,
                                   .activation = read_activation(config, "hidden_act", "gelu_new", where)};
            spec.blocks.assign(
                static_cast<size_t>(config_count(config, "num_hidden_layers", max_layers, where)),
                {attention, ffn, NormPlacement::parallel});
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = alike_blocks_obstacle(spec, NormPlacement::parallel)) return obstacle;
        const BlockSpec& block = spec.blocks.front();
        if (auto obstacle = layer_norm_obstacle(spec, true)) return obstacle;
        if (spec.learned_positions || spec.position_offset != 0) return "its positions are learned";
        if (!spec.head_bias) return "its output head has no bias";
        const auto& attention = std::get<AttentionSpec>(block.mixer);
        if (attention != plain_attention(attention, spec.width, attention.rope))
          return "its attention is of another kind";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"architectures", {"PhiForCausalLM"}},
                           {"model_type", "phi"},
                           {"vocab_size", spec.vocabulary},
                           {"hidden_size", spec.width},
                           {"intermediate_size", ffn.width},
                           {"num_hidden_layers", spec.blocks.size()},
                           {"num_attention_heads", attention.heads},
                           {"num_key_value_heads", attention.kv_heads},
                           {"hidden_act", write_activation(ffn.activation)},
                           {"max_position_embeddings", spec.context},
                           {"layer_norm_eps", spec.norm_epsilon},
                           {"tie_word_embeddings", spec.tied_embeddings},
                           {"rope_theta", attention.rope.theta},
                           {"rope_scaling", write_rope_scaling(attention.rope)},
                           {"partial_rotary_factor", attention.rope.fraction},
                           {"qk_layernorm", false}};
            write_special_tokens(spec, config);
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(name, {{"model.norm.", "model.final_layernorm."},
                                             {".o_proj.", ".dense."},
                                             {".up_proj.", ".fc1."},
                                             {".down_proj.", ".fc2."}});
          },
  };
}

}  // namespace coppice
