// T5 (Raffel et al. 2020) and its kin, encoder-decoders: RMSNorm before every part, no biases, unscaled
// attention whose only positions are learned biases by distance, of one table per stack. T5 1.0 has ReLU and
// one matrix for embedding and head, whose input is scaled by 1 / sqrt(width); T5 1.1 and mT5 (Xue et al.
// 2021) have gated GELU and a head of their own. umT5 (Chung et al. 2023) has a table of biases in every
// block. An encoder alone, as sentence-T5 and GTR (Ni et al. 2022) use it, is a model whose blocks see both
// ways.

#include <cmath>

#include "model/arch/config_keys.h"

namespace coppice {
namespace {

// What the three model types differ in.
struct T5Kind {
  const char* architecture;  // before "ForConditionalGeneration" or "EncoderModel"
  bool shared_bias, usually_tied;
  const char* usual_activation;
  int64_t usual_context;  // positions have no end; that of training
};

constexpr T5Kind t5 = {"T5", true, true, "relu", 512};
constexpr T5Kind mt5 = {"MT5", true, false, "gated-gelu", 1024};
constexpr T5Kind umt5 = {"UMT5", false, false, "gated-gelu", 1024};

// "relu", or "gated-gelu", which in T5 is the approximation by tanh.
DenseFfnSpec read_ffn(const Json& config, const T5Kind& kind, const std::string& where) {
  constexpr const char* key = "feed_forward_proj";
  std::string name = config_value<std::string>(config, key, kind.usual_activation, where);
  DenseFfnSpec ffn{.width = config_required<int64_t>(config, "d_ff", where),
                   .gated = name.starts_with("gated-")};
  if (ffn.gated) name = name == "gated-gelu" ? "gelu_new" : name.substr(6);
  ffn.activation = read_activation(Json{{key, name}}, key, "", where);
  config_must_be(config, "is_gated_act", ffn.gated, where);
  return ffn;
}

std::string write_ffn(const DenseFfnSpec& ffn) {
  if (!ffn.gated) return write_activation(ffn.activation);
  return "gated-" + (ffn.activation == Activation::gelu_tanh ? "gelu" : write_activation(ffn.activation));
}

std::string encoder_alone(const T5Kind& kind) {
  return std::string(kind.architecture) + "EncoderModel";
}

bool is_encoder_alone(const Json& config, const T5Kind& kind) {
  const auto names = config.find("architectures");
  return names != config.end() && *names == Json::array({encoder_alone(kind)});
}

ModelSpec read_t5(const Json& config, const T5Kind& kind, const std::string& where) {
  refuse_unknown_keys(config,
                      {"vocab_size",
                       "d_model",
                       "d_kv",
                       "d_ff",
                       "num_layers",
                       "num_decoder_layers",
                       "num_heads",
                       "relative_attention_num_buckets",
                       "relative_attention_max_distance",
                       "layer_norm_epsilon",
                       "feed_forward_proj",
                       "is_gated_act",
                       "dense_act_fn",
                       "tie_word_embeddings",
                       "scale_decoder_outputs",
                       "is_encoder_decoder",
                       "decoder_start_token_id",
                       "n_positions",
                       "output_past",
                       "scalable_attention",
                       "dropout_rate",
                       "classifier_dropout",
                       "initializer_factor",
                       "gradient_checkpointing"},
                      where);
  const bool alone = is_encoder_alone(config, kind);
  if (!alone) config_must_be(config, "is_encoder_decoder", true, where);
  ModelSpec spec;
  spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
  spec.width = config_required<int64_t>(config, "d_model", where);
  spec.context = config_value(config, "n_positions", kind.usual_context, where);
  spec.norm_epsilon = config_value(config, "layer_norm_epsilon", 1e-6, where);
  // Transformers 5 writes tie_word_embeddings as true in any case, and the truth under the other key.
  spec.tied_embeddings = config_value(config, "tie_word_embeddings", kind.usually_tied, where);
  spec.tied_embeddings = config_value(config, "scale_decoder_outputs", spec.tied_embeddings, where);
  if (spec.tied_embeddings) spec.logit_scale = 1 / std::sqrt(static_cast<double>(spec.width));
  read_special_tokens(with_defaults(config, {{"eos_token_id", 1}}), spec, where);
  const auto pad = config_value<int64_t>(config, "pad_token_id", 0, where);
  spec.decoder_start_id = config_value<int64_t>(config, "decoder_start_token_id", pad, where);

  AttentionSpec attention{.heads = config_required<int64_t>(config, "num_heads", where),
                          .head_dim = config_value<int64_t>(config, "d_kv", 64, where),
                          .scale = 1,
                          .rope = {.fraction = 0}};
  attention.kv_heads = attention.heads;
  AttentionSpec cross = attention;
  cross.causal = false;
  attention.relative_bias = {
      .buckets = config_value<int64_t>(config, "relative_attention_num_buckets", 32, where),
      .max_distance = config_value<int64_t>(config, "relative_attention_max_distance", 128, where),
      .shared = kind.shared_bias};
  AttentionSpec both_ways = attention;
  both_ways.causal = false;
  const DenseFfnSpec ffn = read_ffn(config, kind, where);
  const int64_t layers = config_count(config, "num_layers", max_layers, where);
  if (alone) {
    spec.blocks.assign(static_cast<size_t>(layers), {both_ways, ffn});
    spec.head = HeadKind::none;
    spec.tied_embeddings = false;
    spec.logit_scale = 1;
    spec.decoder_start_id.reset();
    return spec;
  }
  const Json decoder = with_defaults(config, {{"num_decoder_layers", layers}});
  spec.encoder.emplace().blocks.assign(static_cast<size_t>(layers), {both_ways, ffn});
  spec.blocks.assign(static_cast<size_t>(config_count(decoder, "num_decoder_layers", max_layers, where)),
                     {.mixer = attention, .ffn = ffn, .cross_attention = cross});
  return spec;
}

Json write_t5(const ModelSpec& spec, const T5Kind& kind, const std::string& model_type) {
  const BlockSpec& block = spec.blocks.front();
  const auto& attention = std::get<AttentionSpec>(block.mixer);
  const auto& ffn = std::get<DenseFfnSpec>(block.ffn);
  const size_t layers = (spec.encoder ? spec.encoder->blocks : spec.blocks).size();
  Json config = {{"architectures",
                  Json::array({spec.encoder ? std::string(kind.architecture) + "ForConditionalGeneration"
                                            : encoder_alone(kind)})},
                 {"model_type", model_type},
                 {"is_encoder_decoder", true},
                 {"vocab_size", spec.vocabulary},
                 {"d_model", spec.width},
                 {"d_kv", attention.head_dim},
                 {"d_ff", ffn.width},
                 {"num_layers", layers},
                 {"num_decoder_layers", spec.blocks.size()},
                 {"num_heads", attention.heads},
                 {"relative_attention_num_buckets", attention.relative_bias.buckets},
                 {"relative_attention_max_distance", attention.relative_bias.max_distance},
                 {"layer_norm_epsilon", spec.norm_epsilon},
                 {"feed_forward_proj", write_ffn(ffn)},
                 {"tie_word_embeddings", spec.tied_embeddings},
                 {"n_positions", spec.context},
                 {"decoder_start_token_id", spec.decoder_start_id ? Json(*spec.decoder_start_id) : Json()}};
  write_special_tokens(spec, config);
  return config;
}

// What does not come back from config.json is an obstacle.
std::optional<std::string> t5_obstacle(const ModelSpec& spec, const T5Kind& kind,
                                       const std::string& model_type) {
  if (!spec.encoder && is_causal(spec)) return "it has no encoder";
  const BlockSpec& block = spec.blocks.front();
  if (!std::holds_alternative<AttentionSpec>(block.mixer)) return "its blocks do not begin with attention";
  if (!std::holds_alternative<DenseFfnSpec>(block.ffn)) return "it has a mixture of experts";
  const auto& ffn = std::get<DenseFfnSpec>(block.ffn);
  if (ffn.gated && ffn.activation == Activation::gelu)
    return "its gated GELU is not the approximation by tanh";
  const Json wanted = to_json(spec),
             found = to_json(read_t5(write_t5(spec, kind, model_type), kind, "config.json"));
  for (const auto& [key, value] : wanted.items())
    if (found[key] != value) return fmt::format("its {} is another", key);
  return std::nullopt;
}

std::string t5_file_name(const std::string& canonical_name, const ModelSpec& spec) {
  const bool encoder = !spec.encoder || canonical_name.starts_with("model.encoder.");
  const auto& blocks = spec.encoder && encoder ? spec.encoder->blocks : spec.blocks;
  const std::string stack = spec.encoder ? "decoder." : "encoder.";
  const auto* ffn = std::get_if<DenseFfnSpec>(&blocks.front().ffn);
  const std::string feed_forward = encoder ? ".layer.1." : ".layer.2.";
  const std::string dense = feed_forward + "DenseReluDense.";
  return with_parts_renamed(canonical_name,
                            {{"model.embed_tokens.", "shared."},
                             {"model.encoder.layers.", "encoder.block."},
                             {"model.encoder.norm.", "encoder.final_layer_norm."},
                             {"model.layers.", stack + "block."},
                             {"model.norm.", stack + "final_layer_norm."},
                             {".input_layernorm.", ".layer.0.layer_norm."},
                             {".self_attn.relative_bias.", ".self_attn.relative_attention_bias."},
                             {".self_attn.", ".layer.0.SelfAttention."},
                             {".cross_attention_layernorm.", ".layer.1.layer_norm."},
                             {".cross_attn.", ".layer.1.EncDecAttention."},
                             {"_proj.", "."},
                             {".post_attention_layernorm.", feed_forward + "layer_norm."},
                             {".mlp.gate.", dense + "wi_0."},
                             {".mlp.up.", dense + (ffn != nullptr && ffn->gated ? "wi_1." : "wi.")},
                             {".mlp.down.", dense + "wo."}});
}

// Every stack may carry the embedding again, or one of them alone.
std::string t5_usual_name(std::string file_name) {
  const bool copy = file_name == "encoder.embed_tokens.weight" || file_name == "decoder.embed_tokens.weight";
  return copy ? "shared.weight" : file_name;
}

// A table of the first checkpoints that no formula uses.
bool is_unused_table(const std::string& name, const ModelSpec&) {
  return name == "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";
}

Family family_of(const T5Kind& kind, const std::string& model_type) {
  return {
      .read = [kind](const Json& config, const std::string& where) { return read_t5(config, kind, where); },
      .obstacle = [kind, model_type](const ModelSpec& spec) { return t5_obstacle(spec, kind, model_type); },
      .write = [kind, model_type](const ModelSpec& spec) { return write_t5(spec, kind, model_type); },
      .file_name = {},
      .is_buffer = is_unused_table,
      .usual_name = t5_usual_name,
      .file_name_for = t5_file_name};
}

}  // namespace

Family t5_family() {
  return family_of(t5, "t5");
}
Family mt5_family() {
  return family_of(mt5, "mt5");
}
Family umt5_family() {
  return family_of(umt5, "umt5");
}

}  // namespace coppice
