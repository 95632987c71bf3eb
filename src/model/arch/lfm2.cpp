// LFM2, dense (Liquid AI 2025): gated short convolutions in most layers, grouped-query attention with RMSNorm
// on each query and key head in the others; SwiGLU, pre-norm, tied embeddings.

#include "model/arch/lfm2.h"

#include <algorithm>

#include "model/arch/llama.h"

namespace coppice {
namespace {

constexpr const char* attention_type = "full_attention";
constexpr const char* conv_type = "conv";

// Which layers have attention: layer_types, or full_attn_idxs, or all.
std::vector<bool> read_attention_layers(const Json& config, size_t layers, const std::string& where) {
  std::optional<std::vector<bool>> by_type, by_index;
  if (const auto types =
          config_value<std::optional<std::vector<std::string>>>(config, "layer_types", {}, where)) {
    if (types->size() != layers)
      throw Error({.where = where + ".layer_types",
                   .found = fmt::format("{} types", types->size()),
                   .expected = fmt::format("one for each of the {} layers", layers)});
    by_type.emplace();
    for (const auto& type : *types) {
      if (type != attention_type && type != conv_type)
        throw Error({.where = where + ".layer_types",
                     .found = fmt::format("'{}'", type),
                     .expected = fmt::format("{} or {}", attention_type, conv_type)});
      by_type->push_back(type == attention_type);
    }
  }
  if (const auto indices =
          config_value<std::optional<std::vector<int64_t>>>(config, "full_attn_idxs", {}, where)) {
    by_index.emplace(layers, false);
    for (const int64_t index : *indices) {
      if (index < 0 || index >= static_cast<int64_t>(layers))
        throw Error({.where = where + ".full_attn_idxs",
                     .found = fmt::format("layer {}", index),
                     .expected = fmt::format("0 to {}", layers - 1)});
      (*by_index)[static_cast<size_t>(index)] = true;
    }
  }
  if (by_type && by_index && *by_type != *by_index)
    throw Error(
        {.where = where, .found = "layer_types and full_attn_idxs that differ", .expected = "one of them"});
  return by_type ? *by_type : by_index ? *by_index : std::vector<bool>(layers, true);
}

// The keys of the original release that say what other keys say, or what is always so.
void check_original_keys(const Json& config, const ModelSpec& spec, int64_t heads, const std::string& where) {
  for (const char* key : {"block_dim", "conv_dim", "conv_dim_out"})
    config_must_be(config, key, spec.width, where);
  for (const char* key : {"block_use_swiglu", "use_pos_enc"}) config_must_be(config, key, true, where);
  config_must_be(config, "num_heads", heads, where);
  config_must_be(config, "block_norm_eps", spec.norm_epsilon, where);
}

// A key under its name in the original release, else under its later one.
template <class T>
T either(const Json& config, const char* original, const char* later, T fallback, const std::string& where) {
  return config_value(config, original, config_value(config, later, fallback, where), where);
}

// The width of the FFN: with block_auto_adjust_ff_dim two thirds of the given one, times a factor, rounded
// up.
int64_t read_ffn_width(const Json& config, const std::string& where) {
  constexpr int64_t most = 1 << 24;
  const auto original = config.find("block_ff_dim");
  const char* key = original != config.end() && !original->is_null() ? "block_ff_dim" : "intermediate_size";
  const int64_t given = config_count(with_defaults(config, {{"intermediate_size", 12288}}), key, most, where);
  if (!config_value(config, "block_auto_adjust_ff_dim", true, where)) return given;
  const int64_t two_thirds = 2 * given / 3;
  const Json with_factor =
      with_defaults(config, {{"block_ffn_dim_multiplier", 1.0}, {"block_multiple_of", 256}});
  const auto factor =
      config_value<std::optional<double>>(with_factor, "block_ffn_dim_multiplier", std::nullopt, where);
  if (!factor) return two_thirds;  // null: neither scaled nor rounded
  const double scaled = *factor * static_cast<double>(two_thirds);
  if (!(scaled >= 0 && scaled <= static_cast<double>(most)))
    throw Error({.where = where + ".block_ffn_dim_multiplier",
                 .found = fmt::format("{}", *factor),
                 .expected = fmt::format("a factor that makes {} 0 to {}", two_thirds, most)});
  const int64_t multiple = config_count(with_factor, "block_multiple_of", most, where);
  return (static_cast<int64_t>(scaled) + multiple - 1) / multiple * multiple;
}

}  // namespace

ModelSpec read_lfm2_shape(const Json& config, const FfnSpec& ffn, const std::set<std::string>& family_keys,
                          const std::string& where) {
  std::set<std::string> known = {"vocab_size",
                                 "hidden_size",
                                 "num_hidden_layers",
                                 "norm_eps",
                                 "num_attention_heads",
                                 "num_key_value_heads",
                                 "head_dim",
                                 "rope_theta",
                                 "theta",
                                 "rope_parameters",
                                 "rope_scaling",
                                 "max_position_embeddings",
                                 "conv_bias",
                                 "conv_L_cache",
                                 "tie_word_embeddings",
                                 "tie_embedding",
                                 "layer_types",
                                 "full_attn_idxs",
                                 "intermediate_size",
                                 "hidden_act",
                                 "block_dim",
                                 "conv_dim",
                                 "conv_dim_out",
                                 "block_use_swiglu",
                                 "use_pos_enc",
                                 "num_heads",
                                 "block_norm_eps",
                                 "block_mlp_init_scale",
                                 "block_out_init_scale",
                                 "block_use_xavier_init",
                                 "conv_use_xavier_init"};
  known.insert(family_keys.begin(), family_keys.end());
  refuse_unknown_keys(config, known, where);
  config_must_be(config, "hidden_act", "silu", where);
  ModelSpec spec;
  spec.vocabulary = config_value<int64_t>(config, "vocab_size", 65536, where);
  spec.width = config_required<int64_t>(config, "hidden_size", where);
  spec.context = config_value<int64_t>(config, "max_position_embeddings", 128000, where);
  spec.tied_embeddings = either(config, "tie_embedding", "tie_word_embeddings", true, where);
  spec.norm_epsilon = config_value(config, "norm_eps", 1e-5, where);
  read_special_tokens(config, spec, where);

  AttentionSpec attention{.qk_norm = QkNorm::head};
  attention.heads =
      config_count(with_defaults(config, {{"num_attention_heads", 32}}), "num_attention_heads", 65536, where);
  attention.kv_heads =
      config_count(with_defaults(config, {{"num_key_value_heads", 8}}), "num_key_value_heads", 65536, where);
  const auto head_dim = config_value<std::optional<int64_t>>(config, "head_dim", std::nullopt, where);
  if (!head_dim && spec.width % attention.heads != 0)
    throw Error({.where = where,
                 .found = fmt::format("hidden_size {} on {} heads", spec.width, attention.heads),
                 .expected = "a multiple, or a head_dim"});
  attention.head_dim = head_dim.value_or(spec.width / attention.heads);
  Json rotary = with_defaults(config, {{"rope_theta", 1000000.0}});
  if (config.contains("theta") && !config["theta"].is_null()) rotary["rope_theta"] = config["theta"];
  attention.rope = read_rope(rotary, where);
  check_original_keys(config, spec, attention.heads, where);

  const ShortConvSpec conv{.kernel_size = config_value<int64_t>(config, "conv_L_cache", 3, where),
                           .bias = config_value(config, "conv_bias", false, where)};
  const auto layers = static_cast<size_t>(config_count(config, "num_hidden_layers", max_layers, where));
  for (const bool attends : read_attention_layers(config, layers, where))
    spec.blocks.push_back({attends ? MixerSpec(attention) : MixerSpec(conv), ffn});
  return spec;
}

Json write_lfm2_shape(const ModelSpec& spec) {
  std::vector<std::string> types;
  std::vector<size_t> attention_layers;
  AttentionSpec attention{.rope = {.theta = 1000000}};  // where no layer has one, its keys do not matter
  ShortConvSpec conv;
  attention.head_dim = spec.width;
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const auto* own = std::get_if<AttentionSpec>(&spec.blocks[i].mixer);
    types.push_back(own != nullptr ? attention_type : conv_type);
    if (own == nullptr) {
      conv = std::get<ShortConvSpec>(spec.blocks[i].mixer);
      continue;
    }
    attention = *own;
    attention_layers.push_back(i);
  }
  Json config = {{"vocab_size", spec.vocabulary},
                 {"hidden_size", spec.width},
                 {"num_hidden_layers", spec.blocks.size()},
                 {"num_attention_heads", attention.heads},
                 {"num_key_value_heads", attention.kv_heads},
                 {"max_position_embeddings", spec.context},
                 {"norm_eps", spec.norm_epsilon},
                 {"rope_theta", attention.rope.theta},
                 {"rope_scaling", write_rope_scaling(attention.rope)},
                 {"tie_word_embeddings", spec.tied_embeddings},
                 {"conv_L_cache", conv.kernel_size},
                 {"conv_bias", conv.bias},
                 {"layer_types", types},
                 {"full_attn_idxs", attention_layers}};
  if (attention.heads * attention.head_dim != spec.width) config["head_dim"] = attention.head_dim;
  write_special_tokens(spec, config);
  return config;
}

std::optional<std::string> lfm2_shape_obstacle(const ModelSpec& spec) {
  if (spec.norm != NormKind::rms) return "its norms are not RMSNorm";
  if (spec.learned_positions || spec.position_offset != 0) return "its positions are learned";
  if (spec.head_bias) return "its output head has a bias";
  const AttentionSpec* attention = nullptr;
  const ShortConvSpec* conv = nullptr;
  for (const auto& block : spec.blocks) {
    if (block.norms != NormPlacement::pre) return "its norms stand elsewhere";
    if (const auto* own = std::get_if<ShortConvSpec>(&block.mixer)) {
      if (conv != nullptr && *own != *conv) return "its layers' convolutions differ";
      conv = own;
    } else if (const auto* heads = std::get_if<AttentionSpec>(&block.mixer)) {
      if (attention != nullptr && *heads != *attention) return "its layers' attention differs";
      attention = heads;
    } else {
      return "some layers have neither attention nor a short convolution";
    }
  }
  if (attention == nullptr) return std::nullopt;
  if (attention->qk_norm != QkNorm::head) return "its norms of queries and keys are others";
  if (attention->gate != AttentionGate::none) return "its attention is gated";
  if (attention->window != 0) return "its attention has a window";
  if (attention->rope.fraction != 1) return "its heads turn partly";
  if (attention->qkv_bias || attention->output_bias) return "its attention has biases";
  return std::nullopt;
}

std::string lfm2_file_name(const std::string& name) {
  return with_parts_renamed(name, {{"model.norm.", "model.embedding_norm."},
                                   {".input_layernorm.", ".operator_norm."},
                                   {".post_attention_layernorm.", ".ffn_norm."},
                                   {".self_attn.o_proj.", ".self_attn.out_proj."},
                                   {".q_norm.", ".q_layernorm."},
                                   {".k_norm.", ".k_layernorm."},
                                   {".mlp.gate.selection_bias", ".mlp.expert_bias"},
                                   {".mlp.", ".feed_forward."},
                                   {".gate_proj.", ".w1."},
                                   {".up_proj.", ".w3."},
                                   {".down_proj.", ".w2."}});
}

Family lfm2_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            return read_lfm2_shape(
                config, DenseFfnSpec{.width = read_ffn_width(config, where)},
                {"block_ff_dim", "block_auto_adjust_ff_dim", "block_ffn_dim_multiplier", "block_multiple_of"},
                where);
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = lfm2_shape_obstacle(spec)) return obstacle;
        if (auto obstacle = gated_ffn_obstacle(spec)) return obstacle;
        const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
        if (ffn.bias) return "its FFN has biases";
        if (ffn.activation != Activation::silu) return "its FFN's activation is not silu";
        if (ffn.width == 0) return "its FFN is empty";
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"architectures", {"Lfm2ForCausalLM"}}, {"model_type", "lfm2"}};
            config.update(write_lfm2_shape(spec));
            // Both, because some readers look for one and some for the other.
            config["block_ff_dim"] = config["intermediate_size"] = ffn.width;
            config["block_auto_adjust_ff_dim"] = false;
            return config;
          },
      .file_name = lfm2_file_name,
      .other_mixers = true,
  };
}

}  // namespace coppice
