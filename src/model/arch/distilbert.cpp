// DistilBERT (Sanh et al. 2019): BERT with fewer blocks, without segments and without a pooler.

#include "model/arch/bert_shape.h"

namespace coppice {
namespace {

EncoderTop distilbert_top(const ModelSpec& spec) {
  return {.name = "DistilBert",
          .head_activation = std::get<DenseFfnSpec>(spec.blocks.front().ffn).activation,
          .classifier = {.activation = Activation::relu}};
}

constexpr double distilbert_epsilon = 1e-12;

}  // namespace

Family distilbert_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            std::set<std::string> known = {"vocab_size",
                                           "dim",
                                           "n_layers",
                                           "n_heads",
                                           "hidden_dim",
                                           "activation",
                                           "max_position_embeddings",
                                           "sinusoidal_pos_embds",  // they are stored like learned ones
                                           "dropout",
                                           "qa_dropout",
                                           "seq_classif_dropout",
                                           "tie_weights_"};
            known.insert(encoder_keys().begin(), encoder_keys().end());
            refuse_unknown_keys(config, known, where);
            ModelSpec spec;
            spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
            spec.width = config_required<int64_t>(config, "dim", where);
            spec.context = config_value<int64_t>(config, "max_position_embeddings", 512, where);
            spec.norm_epsilon = distilbert_epsilon;
            read_special_tokens(config, spec, where);
            const DenseFfnSpec ffn{.width = config_required<int64_t>(config, "hidden_dim", where),
                                   .gated = false,
                                   .bias = true,
                                   .activation = read_activation(config, "activation", "gelu", where)};
            set_bert_blocks(spec, read_heads(config, "n_heads", spec.width, where), ffn,
                            config_count(config, "n_layers", max_layers, where));
            read_encoder_top(spec, distilbert_top(spec), config, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = bert_body_obstacle(spec)) return obstacle;
        if (spec.position_offset != 0) return "its positions begin at a later row";
        if (spec.token_types > 0) return "its texts have learned vectors";
        if (spec.norm_epsilon != distilbert_epsilon) return "its norms' epsilon is not 1e-12";
        return encoder_top_obstacle(spec, distilbert_top(spec));
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"model_type", "distilbert"},
                           {"vocab_size", spec.vocabulary},
                           {"dim", spec.width},
                           {"n_layers", spec.blocks.size()},
                           {"n_heads", std::get<AttentionSpec>(spec.blocks.front().mixer).heads},
                           {"hidden_dim", ffn.width},
                           {"activation", write_activation(ffn.activation)},
                           {"max_position_embeddings", spec.context},
                           {"sinusoidal_pos_embds", false}};
            write_special_tokens(spec, config);
            write_encoder_top(spec, distilbert_top(spec), config);
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(
                name, {{"model.embed_tokens.", "distilbert.embeddings.word_embeddings."},
                       {"model.embed_positions.", "distilbert.embeddings.position_embeddings."},
                       {"model.embed_norm.", "distilbert.embeddings.LayerNorm."},
                       {"model.layers.", "distilbert.transformer.layer."},
                       {".self_attn.q_proj.", ".attention.q_lin."},
                       {".self_attn.k_proj.", ".attention.k_lin."},
                       {".self_attn.v_proj.", ".attention.v_lin."},
                       {".self_attn.o_proj.", ".attention.out_lin."},
                       {".post_attention_layernorm.", ".sa_layer_norm."},
                       {".mlp.up_proj.", ".ffn.lin1."},
                       {".mlp.down_proj.", ".ffn.lin2."},
                       {".post_feedforward_layernorm.", ".output_layer_norm."},
                       {"lm_head.dense.", "vocab_transform."},
                       {"lm_head.norm.", "vocab_layer_norm."},
                       {"lm_head.weight", "vocab_projector.weight"},
                       {"lm_head.bias", "vocab_projector.bias"},
                       {"classifier.dense.", "pre_classifier."}});
          },
      .optional_prefix = "distilbert.",
      .is_buffer = is_bert_buffer,
      .complete =
          [](ModelSpec& spec, const Json& config, const HasTensor& has, const std::string& where) {
            complete_encoder_top(spec, distilbert_top(spec), has, config, where);
          },
  };
}

}  // namespace coppice
