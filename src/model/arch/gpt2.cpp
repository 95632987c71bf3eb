// GPT-2 (Radford et al. 2019): learned positions, LayerNorm before attention and FFN, biases everywhere. Its
// files hold queries, keys and values in one tensor, and every matrix of the blocks as (in, out).

#include "model/arch/config_keys.h"

namespace coppice {
namespace {

bool is_block_matrix(const TensorSpec& tensor) {
  return tensor.name.starts_with("model.layers.") && tensor.shape.size() == 2;
}

TensorLayout gpt2_layout(const TensorSpec& tensor, const ModelSpec& spec) {
  TensorLayout layout{.transposed = is_block_matrix(tensor)};
  constexpr const char* fused[] = {".q_proj.", ".k_proj.", ".v_proj."};
  for (int64_t i = 0; i < 3; ++i) {
    if (tensor.name.find(fused[i]) == tensor.name.npos) continue;
    layout.first_row = i * spec.width;
    layout.fused_rows = 3 * spec.width;
  }
  return layout;
}

// The causal mask, which some files hold as a tensor.
bool is_mask(const std::string& name, const ModelSpec&) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
}

}  // namespace

Family gpt2_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            refuse_unknown_keys(config,
                                {"vocab_size",
                                 "n_positions",
                                 "n_ctx",
                                 "n_embd",
                                 "n_layer",
                                 "n_head",
                                 "n_inner",
                                 "activation_function",
                                 "layer_norm_epsilon",
                                 "tie_word_embeddings",
                                 "scale_attn_weights",
                                 "scale_attn_by_inverse_layer_idx",
                                 "reorder_and_upcast_attn",
                                 "add_cross_attention",
                                 "resid_pdrop",
                                 "embd_pdrop",
                                 "attn_pdrop",
                                 "summary_type",
                                 "summary_use_proj",
                                 "summary_activation",
                                 "summary_proj_to_labels",
                                 "summary_first_dropout"},
                                where);
            config_must_be(config, "scale_attn_weights", true, where);
            config_must_be(config, "scale_attn_by_inverse_layer_idx", false, where);
            config_must_be(config, "add_cross_attention", false, where);
            ModelSpec spec;
            spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
            spec.width = config_required<int64_t>(config, "n_embd", where);
            spec.context = config_value<int64_t>(config, "n_positions", 1024, where);
            spec.learned_positions = true;
            spec.tied_embeddings = config_value(config, "tie_word_embeddings", true, where);
            spec.norm = NormKind::layer;
            spec.norm_epsilon = config_value(config, "layer_norm_epsilon", 1e-5, where);
            read_special_tokens(config, spec, where);
            AttentionSpec attention{.qkv_bias = true, .output_bias = true, .rope = {.fraction = 0}};
            attention.heads = attention.kv_heads = read_heads(config, "n_head", spec.width, where);
            attention.head_dim = spec.width / attention.heads;
            const auto inner = config_value<std::optional<int64_t>>(config, "n_inner", std::nullopt, where);
            // Four times a width that is still to be checked must not overflow.
            const int64_t usual = 4 * std::min<int64_t>(spec.width, int64_t{1} << 32);
            const DenseFfnSpec ffn{
                .width = inner.value_or(usual),
                .gated = false,
                .bias = true,
                .activation = read_activation(config, "activation_function", "gelu_new", where)};
            spec.blocks.assign(static_cast<size_t>(config_count(config, "n_layer", max_layers, where)),
                               {attention, ffn});
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = alike_blocks_obstacle(spec, NormPlacement::pre)) return obstacle;
        const BlockSpec& block = spec.blocks.front();
        if (auto obstacle = layer_norm_obstacle(spec, true)) return obstacle;
        if (!spec.learned_positions || spec.position_offset != 0) return "its positions are of another kind";
        if (spec.head_bias) return "its output head has a bias";
        const auto& attention = std::get<AttentionSpec>(block.mixer);
        if (attention != plain_attention(attention, spec.width, {.fraction = 0}) ||
            attention.heads != attention.kv_heads)
          return "its attention is of another kind";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"architectures", {"GPT2LMHeadModel"}},
                           {"model_type", "gpt2"},
                           {"vocab_size", spec.vocabulary},
                           {"n_positions", spec.context},
                           {"n_embd", spec.width},
                           {"n_layer", spec.blocks.size()},
                           {"n_head", attention.heads},
                           {"n_inner", ffn.width},
                           {"activation_function", write_activation(ffn.activation)},
                           {"layer_norm_epsilon", spec.norm_epsilon},
                           {"tie_word_embeddings", spec.tied_embeddings}};
            write_special_tokens(spec, config);
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(name, {{"model.embed_tokens.", "transformer.wte."},
                                             {"model.embed_positions.", "transformer.wpe."},
                                             {"model.norm.", "transformer.ln_f."},
                                             {"model.layers.", "transformer.h."},
                                             {".input_layernorm.", ".ln_1."},
                                             {".post_attention_layernorm.", ".ln_2."},
                                             {".self_attn.q_proj.", ".attn.c_attn."},
                                             {".self_attn.k_proj.", ".attn.c_attn."},
                                             {".self_attn.v_proj.", ".attn.c_attn."},
                                             {".self_attn.o_proj.", ".attn.c_proj."},
                                             {".up_proj.", ".c_fc."},
                                             {".down_proj.", ".c_proj."}});
          },
      .layout = gpt2_layout,
      .optional_prefix = "transformer.",
      .is_buffer = is_mask,
  };
}

}  // namespace coppice
