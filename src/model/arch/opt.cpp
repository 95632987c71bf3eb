// OPT (Zhang et al. 2022), the sizes that norm before attention and FFN: learned positions from row 2 on,
// LayerNorm, ReLU, biases.

#include "model/arch/config_keys.h"

namespace coppice {

Family opt_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            refuse_unknown_keys(config,
                                {"vocab_size", "hidden_size", "word_embed_proj_dim", "ffn_dim",
                                 "num_hidden_layers", "num_attention_heads", "activation_function",
                                 "max_position_embeddings", "tie_word_embeddings", "do_layer_norm_before",
                                 "_remove_final_layer_norm", "enable_bias", "layer_norm_elementwise_affine",
                                 "dropout", "activation_dropout", "layerdrop", "init_std", "prefix"},
                                where);
            config_must_be(config, "do_layer_norm_before", true, where);
            config_must_be(config, "_remove_final_layer_norm", false, where);
            config_must_be(config, "layer_norm_elementwise_affine", true, where);
            ModelSpec spec;
            spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
            spec.width = config_required<int64_t>(config, "hidden_size", where);
            config_must_be(config, "word_embed_proj_dim", spec.width, where);
            spec.context = config_value<int64_t>(config, "max_position_embeddings", 2048, where);
            spec.learned_positions = true;
            spec.position_offset = 2;
            spec.tied_embeddings = config_value(config, "tie_word_embeddings", true, where);
            spec.norm = NormKind::layer;
            spec.norm_epsilon = 1e-5;
            read_special_tokens(config, spec, where);
            const bool bias = config_value(config, "enable_bias", true, where);
            AttentionSpec attention{.qkv_bias = bias, .output_bias = bias, .rope = {.fraction = 0}};
            attention.heads = attention.kv_heads =
                read_heads(config, "num_attention_heads", spec.width, where);
            attention.head_dim = spec.width / attention.heads;
            const DenseFfnSpec ffn{
                .width = config_required<int64_t>(config, "ffn_dim", where),
                .gated = false,
                .bias = bias,
                .activation = read_activation(config, "activation_function", "relu", where)};
            spec.blocks.assign(
                static_cast<size_t>(config_count(config, "num_hidden_layers", max_layers, where)),
                {attention, ffn});
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = alike_blocks_obstacle(spec, NormPlacement::pre)) return obstacle;
        const BlockSpec& block = spec.blocks.front();
        const auto& attention = std::get<AttentionSpec>(block.mixer);
        if (auto obstacle = layer_norm_obstacle(spec, attention.qkv_bias)) return obstacle;
        if (spec.norm_epsilon != 1e-5) return "its norms' epsilon is not 1e-5";
        if (!spec.learned_positions || spec.position_offset != 2) return "its positions are of another kind";
        if (spec.head_bias) return "its output head has a bias";
        AttentionSpec expected = plain_attention(attention, spec.width, {.fraction = 0});
        expected.qkv_bias = expected.output_bias = attention.qkv_bias;
        if (attention != expected || attention.heads != attention.kv_heads)
          return "its attention is of another kind";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"architectures", {"OPTForCausalLM"}},
                           {"model_type", "opt"},
                           {"vocab_size", spec.vocabulary},
                           {"hidden_size", spec.width},
                           {"word_embed_proj_dim", spec.width},
                           {"ffn_dim", ffn.width},
                           {"num_hidden_layers", spec.blocks.size()},
                           {"num_attention_heads", attention.heads},
                           {"activation_function", write_activation(ffn.activation)},
                           {"max_position_embeddings", spec.context},
                           {"tie_word_embeddings", spec.tied_embeddings},
                           {"do_layer_norm_before", true},
                           {"enable_bias", ffn.bias}};
            write_special_tokens(spec, config);
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(name, {{"model.", "model.decoder."},
                                             {".decoder.norm.", ".decoder.final_layer_norm."},
                                             {".input_layernorm.", ".self_attn_layer_norm."},
                                             {".post_attention_layernorm.", ".final_layer_norm."},
                                             {".o_proj.", ".out_proj."},
                                             {".mlp.up_proj.", ".fc1."},
                                             {".mlp.down_proj.", ".fc2."}});
          },
      .optional_prefix = "model.",
  };
}

}  // namespace coppice
