// ModernBERT (Warner et al. 2024): rotary attention both ways, whole on every n-th layer and in a symmetric
// window on the others, each with its own base of rotation; norms without bias before attention and FFN; a
// gated FFN.

#include "model/arch/bert_shape.h"

namespace coppice {
namespace {

// A classifier has the dense layer and the norm of a head for masked tokens.
EncoderTop modernbert_top(const Json& config, const std::string& where) {
  const Activation activation = read_activation(config, "classifier_activation", "gelu", where);
  const bool bias = config_value(config, "classifier_bias", false, where);
  const auto pooling = config_value<std::string>(config, "classifier_pooling", "cls", where);
  if (pooling != "cls" && pooling != "mean")
    throw Error({.where = where + ".classifier_pooling", .found = pooling, .expected = "cls or mean"});
  return {.name = "ModernBert",
          .head_activation = activation,
          .head_dense_bias = bias,
          .head_bias = config_value(config, "decoder_bias", true, where),
          .classifier = {.activation = activation,
                         .dense_bias = bias,
                         .norm = true,
                         .pooling = pooling == "cls" ? HeadPooling::first : HeadPooling::mean}};
}

// The same for a spec.
EncoderTop modernbert_top(const ModelSpec& spec) {
  return {.name = "ModernBert",
          .head_activation = spec.head_activation,
          .head_dense_bias = spec.head_dense_bias,
          .head_bias = spec.head_bias,
          .classifier = {.activation = spec.head_activation,
                         .dense_bias = spec.head_dense_bias,
                         .norm = true,
                         .pooling = spec.head_pooling}};
}

const AttentionSpec& attention_of(const ModelSpec& spec, size_t layer) {
  return std::get<AttentionSpec>(spec.blocks[layer].mixer);
}

// Every how many layers attention sees everything: the distance of the first two that do.
size_t global_distance(const ModelSpec& spec) {
  for (size_t layer = 1; layer < spec.blocks.size(); ++layer)
    if (attention_of(spec, layer).window == 0) return layer;
  return std::max<size_t>(1, spec.blocks.size());
}

// Bases of rotation: rope_parameters by kind of layer as Transformers 5 writes them, else a key for each.
double read_theta(const Json& config, const char* kind, const char* key, double fallback,
                  const std::string& where) {
  const auto all = config.find("rope_parameters");
  if (all == config.end() || all->is_null()) return config_value(config, key, fallback, where);
  const std::string path = where + ".rope_parameters." + kind;
  if (!all->is_object() || !all->contains(kind) || !(*all)[kind].is_object())
    throw Error({.where = path, .found = "nothing", .expected = "an object"});
  const Json& own = (*all)[kind];
  config_must_be(own, "rope_type", "default", path);
  for (const auto& [name, value] : own.items())
    if (name != "rope_type" && name != "rope_theta")
      throw Error(
          {.where = path, .found = fmt::format("key '{}'", name), .expected = "rope_theta, rope_type"});
  return config_value(own, "rope_theta", fallback, path);
}

// Whether each layer sees everything.
std::vector<bool> read_global_layers(const Json& config, size_t layers, const std::string& where) {
  const auto every = config_value<int64_t>(config, "global_attn_every_n_layers", 3, where);
  if (every < 1)
    throw Error({.where = where + ".global_attn_every_n_layers",
                 .found = fmt::format("{}", every),
                 .expected = "at least 1"});
  std::vector<bool> global;
  for (size_t layer = 0; layer < layers; ++layer) global.push_back(static_cast<int64_t>(layer) % every == 0);
  const auto types = config_value<std::vector<std::string>>(config, "layer_types", {}, where);
  if (types.empty()) return global;
  for (size_t layer = 0; layer < std::max(layers, types.size()); ++layer) {
    const std::string type = layer < types.size() ? types[layer] : "nothing";
    if (layer < layers && type == (global[layer] ? "full_attention" : "sliding_attention")) continue;
    throw Error({.where = fmt::format("{}.layer_types[{}]", where, layer),
                 .found = type,
                 .expected = fmt::format("full_attention on every {} of {} layers, else sliding_attention",
                                         every, layers)});
  }
  return global;
}

ModelSpec read(const Json& config, const std::string& where) {
  std::set<std::string> known = {
      "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
      "hidden_activation", "max_position_embeddings", "norm_eps", "norm_bias", "attention_bias", "mlp_bias",
      "global_rope_theta", "local_rope_theta", "rope_parameters", "global_attn_every_n_layers",
      "local_attention", "layer_types", "classifier_activation", "classifier_bias", "decoder_bias",
      // Of training, of other heads, or without effect:
      "cls_token_id", "sep_token_id", "initializer_cutoff_factor", "embedding_dropout", "mlp_dropout",
      "classifier_pooling", "deterministic_flash_attn", "sparse_prediction", "sparse_pred_ignore_index",
      "reference_compile", "repad_logits_with_grad", "layer_norm_eps", "position_embedding_type"};
  known.insert(encoder_keys().begin(), encoder_keys().end());
  refuse_unknown_keys(config, known, where);
  ModelSpec spec;
  spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
  spec.width = config_required<int64_t>(config, "hidden_size", where);
  spec.context = config_value<int64_t>(config, "max_position_embeddings", 8192, where);
  spec.embedding_norm = true;
  spec.norm = NormKind::layer;
  spec.norm_epsilon = config_value(config, "norm_eps", 1e-5, where);
  spec.norm_bias = config_value(config, "norm_bias", false, where);
  read_special_tokens(config, spec, where);
  AttentionSpec attention;
  attention.heads = attention.kv_heads = read_heads(config, "num_attention_heads", spec.width, where);
  attention.head_dim = spec.width / attention.heads;
  attention.qkv_bias = attention.output_bias = config_value(config, "attention_bias", false, where);
  attention.causal = false;
  const DenseFfnSpec ffn{.width = config_required<int64_t>(config, "intermediate_size", where),
                         .bias = config_value(config, "mlp_bias", false, where),
                         .activation = read_activation(config, "hidden_activation", "gelu", where)};
  const auto local = config_value<int64_t>(config, "local_attention", 128, where);
  if (local < 0 || local > int64_t{1} << 30)
    throw Error(
        {.where = where + ".local_attention", .found = fmt::format("{}", local), .expected = "0 to 2^30"});
  const double global_theta = read_theta(config, "full_attention", "global_rope_theta", 160000.0, where);
  const bool same = config.contains("local_rope_theta") && config["local_rope_theta"].is_null();
  const double local_theta =
      read_theta(config, "sliding_attention", "local_rope_theta", same ? global_theta : 10000.0, where);
  const auto layers = static_cast<size_t>(config_count(config, "num_hidden_layers", max_layers, where));
  const std::vector<bool> global = read_global_layers(config, layers, where);
  for (size_t layer = 0; layer < layers; ++layer) {
    // A token sees half of `local_attention` on either side, and itself.
    attention.window = global[layer] ? 0 : local / 2 + 1;
    attention.rope.theta = global[layer] ? global_theta : local_theta;
    spec.blocks.push_back({attention, ffn, NormPlacement::pre, /*mixer_norm=*/layer > 0});
  }
  read_encoder_top(spec, modernbert_top(config, where), config, where);
  return spec;
}

std::optional<std::string> obstacle(const ModelSpec& spec) {
  if (spec.norm != NormKind::layer) return "its norms are not LayerNorm";
  if (!spec.embedding_norm || !spec.final_norm) return "the norms of its embedding and of its end";
  if (spec.learned_positions || spec.position_offset != 0) return "its positions are learned";
  if (spec.token_types > 0) return "its texts have learned vectors";
  for (const auto& block : spec.blocks)
    if (!std::holds_alternative<AttentionSpec>(block.mixer)) return "it mixes tokens otherwise";
  const size_t every = global_distance(spec);
  const AttentionSpec* first = &attention_of(spec, 0);
  const auto* ffn = std::get_if<DenseFfnSpec>(&spec.blocks.front().ffn);
  if (ffn == nullptr) return "it has a mixture of experts";
  if (!ffn->gated) return "its FFN is not gated";
  AttentionSpec plain = plain_attention(*first, spec.width, {.theta = first->rope.theta});
  plain.qkv_bias = plain.output_bias = first->qkv_bias;
  plain.causal = false;
  if (*first != plain || first->heads != first->kv_heads || spec.width % first->heads != 0)
    return "its attention is of another kind";
  for (size_t layer = 0; layer < spec.blocks.size(); ++layer) {
    const BlockSpec& block = spec.blocks[layer];
    if (block.ffn != spec.blocks.front().ffn) return "its layers differ";
    if (block.norms != NormPlacement::pre || block.mixer_norm != (layer > 0))
      return "its norms stand elsewhere";
    AttentionSpec expected = *first;
    if (layer % every != 0) {
      const AttentionSpec& local = attention_of(spec, 1);
      expected.window = local.window;
      expected.rope.theta = local.rope.theta;
      if (local.window == 0) return "its layers differ";
    }
    if (attention_of(spec, layer) != expected) return "its layers' attention differs";
  }
  return encoder_top_obstacle(spec, modernbert_top(spec));
}

Json write(const ModelSpec& spec) {
  const AttentionSpec& first = attention_of(spec, 0);
  const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
  const size_t every = global_distance(spec);
  const bool windows = every > 1 && spec.blocks.size() > 1;
  Json config = {{"model_type", "modernbert"},
                 {"vocab_size", spec.vocabulary},
                 {"hidden_size", spec.width},
                 {"intermediate_size", ffn.width},
                 {"num_hidden_layers", spec.blocks.size()},
                 {"num_attention_heads", first.heads},
                 {"hidden_activation", write_activation(ffn.activation)},
                 {"max_position_embeddings", spec.context},
                 {"norm_eps", spec.norm_epsilon},
                 {"norm_bias", spec.norm_bias},
                 {"attention_bias", first.qkv_bias},
                 {"mlp_bias", ffn.bias},
                 {"global_rope_theta", first.rope.theta},
                 {"local_rope_theta", windows ? attention_of(spec, 1).rope.theta : first.rope.theta},
                 {"global_attn_every_n_layers", every},
                 {"local_attention", windows ? 2 * (attention_of(spec, 1).window - 1) : 128}};
  if (spec.head != HeadKind::none) {
    config["classifier_activation"] = write_activation(spec.head_activation);
    config["classifier_bias"] = spec.head_dense_bias;
  }
  if (spec.head == HeadKind::masked) config["decoder_bias"] = spec.head_bias;
  if (spec.head == HeadKind::classifier)
    config["classifier_pooling"] = spec.head_pooling == HeadPooling::mean ? "mean" : "cls";
  write_special_tokens(spec, config);
  write_encoder_top(spec, modernbert_top(spec), config);
  return config;
}

// Queries, keys and values lie in one tensor, and so do the gate, which goes through the activation, and the
// other half.
TensorLayout layout(const TensorSpec& tensor, const ModelSpec& spec) {
  const auto part = [&](const std::vector<const char*>& parts) -> TensorLayout {
    for (size_t i = 0; i < parts.size(); ++i)
      if (tensor.name.find(parts[i]) != tensor.name.npos)
        return {.first_row = static_cast<int64_t>(i) * tensor.shape[0],
                .fused_rows = static_cast<int64_t>(parts.size()) * tensor.shape[0]};
    return {};
  };
  static_cast<void>(spec);
  const TensorLayout attention = part({".q_proj.", ".k_proj.", ".v_proj."});
  return attention.as_is() ? part({".mlp.gate_proj.", ".mlp.up_proj."}) : attention;
}

}  // namespace

Family modernbert_family() {
  return {
      .read = read,
      .obstacle = obstacle,
      .write = write,
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(name, {{"model.embed_tokens.", "model.embeddings.tok_embeddings."},
                                             {"model.embed_norm.", "model.embeddings.norm."},
                                             {"model.norm.", "model.final_norm."},
                                             {".input_layernorm.", ".attn_norm."},
                                             {".post_attention_layernorm.", ".mlp_norm."},
                                             {".self_attn.q_proj.", ".attn.Wqkv."},
                                             {".self_attn.k_proj.", ".attn.Wqkv."},
                                             {".self_attn.v_proj.", ".attn.Wqkv."},
                                             {".self_attn.o_proj.", ".attn.Wo."},
                                             {".mlp.gate_proj.", ".mlp.Wi."},
                                             {".mlp.up_proj.", ".mlp.Wi."},
                                             {".mlp.down_proj.", ".mlp.Wo."},
                                             {"lm_head.dense.", "head.dense."},
                                             {"lm_head.norm.", "head.norm."},
                                             {"lm_head.weight", "decoder.weight"},
                                             {"lm_head.bias", "decoder.bias"},
                                             {"classifier.dense.", "head.dense."},
                                             {"classifier.norm.", "head.norm."}});
          },
      .layout = layout,
      .optional_prefix = "model.",
      .complete =
          [](ModelSpec& spec, const Json& config, const HasTensor& has, const std::string& where) {
            complete_encoder_top(spec, modernbert_top(config, where), has, config, where);
          },
  };
}

}  // namespace coppice
