#include "model/arch/config_keys.h"

#include <algorithm>

namespace coppice {
namespace {

void refuse_other_keys(const Json& object, const std::set<std::string>& known, const std::string& where) {
  for (const auto& [key, value] : object.items())
    if (!known.contains(key) && !value.is_null())
      throw Error({.where = where,
                   .found = fmt::format("key '{}', which this family is not known to have", key),
                   .advice = "remove it if it does not change the computation"});
}

// One of the two objects below, whose keys are the same.
RopeSpec read_rope_object(const Json& scaling, const RopeSpec& plain, const RopeKeys& keys,
                          const std::string& path) {
  RopeSpec rope = plain;
  if (!scaling.is_object())
    throw Error({.where = path, .found = to_line(scaling).substr(0, 60), .expected = "an object"});
  std::set<std::string> known = {"rope_theta",
                                 "rope_type",
                                 "type",
                                 "factor",
                                 "low_freq_factor",
                                 "high_freq_factor",
                                 "original_max_position_embeddings"};
  if (keys.partial) known.insert("partial_rotary_factor");
  if (keys.yarn) known.insert({"beta_fast", "beta_slow", "mscale", "mscale_all_dim"});
  if (keys.longrope) known.insert({"short_factor", "long_factor", "short_mscale", "long_mscale"});
  refuse_other_keys(scaling, known, path);
  if (keys.partial) rope.fraction = config_value(scaling, "partial_rotary_factor", rope.fraction, path);
  rope.theta = config_value(scaling, "rope_theta", rope.theta, path);
  const std::string type = config_value<std::string>(
      scaling, scaling.contains("rope_type") ? "rope_type" : "type", "default", path);
  if (type == "default") return rope;
  if (type == "linear") {
    rope.scaling = RopeScaling::linear;
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::llama3;
    rope.low_frequency_factor = config_required<double>(scaling, "low_freq_factor", path);
    rope.high_frequency_factor = config_required<double>(scaling, "high_freq_factor", path);
    rope.original_context = config_required<int64_t>(scaling, "original_max_position_embeddings", path);
  } else if (type == "yarn" && keys.yarn) {
    rope.scaling = RopeScaling::yarn;
    rope.original_context = config_required<int64_t>(scaling, "original_max_position_embeddings", path);
    rope.beta_fast = config_value(scaling, "beta_fast", rope.beta_fast, path);
    rope.beta_slow = config_value(scaling, "beta_slow", rope.beta_slow, path);
    rope.mscale = config_value(scaling, "mscale", rope.mscale, path);
    rope.mscale_all_dim = config_value(scaling, "mscale_all_dim", rope.mscale_all_dim, path);
  } else if (type == "longrope" && keys.longrope) {
    rope.scaling = RopeScaling::longrope;
    rope.original_context = config_required<int64_t>(scaling, "original_max_position_embeddings", path);
    rope.factors = config_required<std::vector<double>>(scaling, "short_factor", path);
    rope.mscale = config_required<double>(scaling, "short_mscale", path);
    return rope;
  } else {
    const char* further = keys.yarn ? ", yarn" : keys.longrope ? ", longrope" : "";
    throw Error({.where = path,
                 .found = fmt::format("rope_type '{}'", type),
                 .expected = fmt::format("default, linear, llama3{}", further)});
  }
  rope.factor = config_required<double>(scaling, "factor", path);
  return rope;
}

const std::vector<std::pair<std::string, Activation>> activation_names = {
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"gelu", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"relu", Activation::relu},
    {"tanh", Activation::tanh}};

// Keys that change nothing in the forward pass of any family, or are handled elsewhere. Anything else is
// refused, so that a variant of the family never runs as if it were the plain one.
const std::set<std::string>& harmless_keys() {
  static const std::set<std::string> keys = {"architectures",
                                             "model_type",
                                             "torch_dtype",
                                             "dtype",
                                             "transformers_version",
                                             "use_cache",
                                             "initializer_range",
                                             "pretraining_tp",
                                             "attention_dropout",
                                             "pad_token_id",
                                             "_name_or_path",
                                             "auto_map",
                                             "unsloth_version",
                                             "output_router_logits",
                                             "router_aux_loss_coef",
                                             "router_jitter_noise",
                                             "id2label",
                                             "label2id",
                                             "tokenizer_class",
                                             "problem_type",
                                             "task_specific_params"};
  return keys;
}

Json token_ids(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  if (ids.size() == 1) return ids[0];
  return ids;
}

}  // namespace

void config_must_be(const Json& config, const char* key, const Json& only, const std::string& where) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null() || *found == only) return;
  throw Error({.where = where + "." + key,
               .found = to_line(*found).substr(0, 60),
               .expected = to_line(only) + ": anything else is not supported"});
}

Json with_defaults(Json config, const Json& defaults) {
  for (const auto& [key, value] : defaults.items())
    if (!config.contains(key)) config[key] = value;
  return config;
}

void refuse_unknown_keys(const Json& config, std::set<std::string> known, const std::string& where) {
  known.insert(harmless_keys().begin(), harmless_keys().end());
  known.insert({"bos_token_id", "eos_token_id"});
  refuse_other_keys(config, known, where);
}

void read_special_tokens(const Json& config, ModelSpec& spec, const std::string& where) {
  if (config.contains("bos_token_id"))
    from_json(config["bos_token_id"], spec.bos_id, where + ".bos_token_id");
  if (const auto eos = config.find("eos_token_id"); eos != config.end() && !eos->is_null())
    from_json(eos->is_array() ? *eos : Json::array({*eos}), spec.eos_ids, where + ".eos_token_id");
}

void write_special_tokens(const ModelSpec& spec, Json& config) {
  config["bos_token_id"] = spec.bos_id ? Json(*spec.bos_id) : Json();
  config["eos_token_id"] = token_ids(spec.eos_ids);
}

Activation read_activation(const Json& config, const char* key, const char* fallback,
                           const std::string& where) {
  const auto name = config_value<std::string>(config, key, fallback, where);
  return Registry<Activation>(key, activation_names).get(name, where, Fault::input);
}

std::string write_activation(Activation activation) {
  for (const auto& [name, value] : activation_names)
    if (value == activation) return name;
  COPPICE_CHECK(false, "every activation has a name");
}

RopeSpec read_rope(const Json& config, const std::string& where, const RopeKeys& keys) {
  RopeSpec plain{.theta = config_value(config, "rope_theta", 10000.0, where)};
  if (keys.partial) plain.fraction = config_value(config, "partial_rotary_factor", *keys.partial, where);
  std::optional<RopeSpec> found;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const auto object = config.find(key);
    if (object == config.end() || object->is_null()) continue;
    const RopeSpec rope = read_rope_object(*object, plain, keys, where + "." + key);
    if (found && *found != rope)
      throw Error({.where = where,
                   .found = "rope_parameters and rope_scaling that differ",
                   .expected = "one of them"});
    found = rope;
  }
  return found.value_or(plain);
}

Json write_rope_scaling(const RopeSpec& rope) {
  switch (rope.scaling) {
    case RopeScaling::none:
      return nullptr;
    case RopeScaling::linear:
      return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case RopeScaling::llama3:
      return {{"rope_type", "llama3"},
              {"factor", rope.factor},
              {"low_freq_factor", rope.low_frequency_factor},
              {"high_freq_factor", rope.high_frequency_factor},
              {"original_max_position_embeddings", rope.original_context}};
    case RopeScaling::yarn:
      return {{"type", "yarn"},
              {"factor", rope.factor},
              {"original_max_position_embeddings", rope.original_context},
              {"beta_fast", rope.beta_fast},
              {"beta_slow", rope.beta_slow},
              {"mscale", rope.mscale},
              {"mscale_all_dim", rope.mscale_all_dim}};
    case RopeScaling::longrope:
      return {{"type", "longrope"},           {"original_max_position_embeddings", rope.original_context},
              {"short_factor", rope.factors}, {"long_factor", rope.factors},
              {"short_mscale", rope.mscale},  {"long_mscale", rope.mscale}};
  }
  return nullptr;
}

int64_t config_count(const Json& config, const char* key, int64_t most, const std::string& where) {
  const auto count = config_required<int64_t>(config, key, where);
  if (count < 1 || count > most)
    throw Error({.where = where + "." + key,
                 .found = fmt::format("{}", count),
                 .expected = fmt::format("1 to {}", most)});
  return count;
}

int64_t read_experts(const Json& config, const char* key, int64_t layers, const std::string& where) {
  const int64_t experts = config_count(config, key, 65536, where);
  if (experts * layers > max_experts_in_model)
    throw Error({.where = where,
                 .found = fmt::format("{} experts in each of {} layers", experts, layers),
                 .expected = fmt::format("at most {} experts in all", max_experts_in_model)});
  return experts;
}

int64_t read_heads(const Json& config, const char* key, int64_t width, const std::string& where) {
  const auto heads = config_required<int64_t>(config, key, where);
  if (heads < 1 || width % heads != 0)
    throw Error({.where = where + "." + key,
                 .found = fmt::format("{} heads on a width of {}", heads, width),
                 .expected = "a divisor of the width"});
  return heads;
}

std::optional<std::string> encoder_part_obstacle(const ModelSpec& spec) {
  if (!is_causal(spec)) return "its attention sees both ways";
  if (spec.token_types > 0) return "its texts have learned vectors";
  if (spec.embedding_norm) return "its embedding is normed";
  if (!spec.final_norm) return "it has no final norm";
  if (spec.head != HeadKind::linear) return "its output head is of another kind";
  if (spec.pooler) return "it has a pooler";
  for (const auto& block : spec.blocks)
    if (!block.mixer_norm) return "a block has no norm before its attention";
  return std::nullopt;
}

std::optional<std::string> layer_norm_obstacle(const ModelSpec& spec, bool ffn_bias) {
  if (auto obstacle = encoder_part_obstacle(spec)) return obstacle;
  if (spec.norm != NormKind::layer) return "its norms are not LayerNorm";
  if (!spec.norm_bias) return "its norms have no biases";
  const auto* ffn = std::get_if<DenseFfnSpec>(&spec.blocks.front().ffn);
  if (ffn == nullptr) return "it has a mixture of experts";
  if (ffn->gated) return "its FFN is gated";
  if (ffn->bias != ffn_bias) return "its FFN's biases";
  return std::nullopt;
}

AttentionSpec plain_attention(const AttentionSpec& like, int64_t width, const RopeSpec& rope) {
  return {.heads = like.heads,
          .kv_heads = like.kv_heads,
          .head_dim = width / like.heads,
          .qkv_bias = true,
          .output_bias = true,
          .rope = rope};
}

std::optional<std::string> attention_obstacle(const ModelSpec& spec) {
  for (const auto& block : spec.blocks) {
    const auto* attention = std::get_if<AttentionSpec>(&block.mixer);
    if (attention == nullptr) return "some layers do not mix by ordinary attention";
    if (attention->rope.interleaved) return "its rotary pairs are interleaved";
    if (attention->rope.scaling == RopeScaling::yarn) return "its positions are stretched by YaRN";
    if (attention->rope.scaling == RopeScaling::longrope) return "its positions are stretched by LongRoPE";
  }
  return std::nullopt;
}

std::optional<std::string> alike_blocks_obstacle(const ModelSpec& spec, NormPlacement norms) {
  if (auto obstacle = attention_obstacle(spec)) return obstacle;
  if (auto obstacle = unequal_blocks_obstacle(spec)) return obstacle;
  if (spec.blocks.front().norms == norms) return std::nullopt;
  return norms == NormPlacement::parallel ? "its attention and FFN are not side by side"
                                          : "its norms stand elsewhere";
}

std::optional<std::string> unequal_blocks_obstacle(const ModelSpec& spec) {
  for (const auto& block : spec.blocks)
    if (block != spec.blocks.front()) return "its layers differ";
  return std::nullopt;
}

std::string with_parts_renamed(std::string name,
                               const std::vector<std::pair<std::string, std::string>>& parts) {
  for (const auto& [from, to] : parts)
    if (const size_t at = name.find(from); at != name.npos) name.replace(at, from.size(), to);
  return name;
}

}  // namespace coppice
