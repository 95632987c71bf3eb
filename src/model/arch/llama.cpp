// Llama 1, 2, 3 and 3.1 (Touvron et al. 2023; Grattafiori et al. 2024): RMSNorm, rotary GQA, SwiGLU.

#include "model/arch/llama.h"

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
RopeSpec read_rope_object(const Json& scaling, double theta, const std::string& path) {
  RopeSpec rope{.theta = theta};
  if (!scaling.is_object())
    throw Error({.where = path, .found = to_line(scaling).substr(0, 60), .expected = "an object"});
  refuse_other_keys(scaling,
                    {"rope_theta", "rope_type", "type", "factor", "low_freq_factor", "high_freq_factor",
                     "original_max_position_embeddings"},
                    path);
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
  } else {
    throw Error({.where = path,
                 .found = fmt::format("rope_type '{}'", type),
                 .expected = "default, linear or llama3"});
  }
  rope.factor = config_required<double>(scaling, "factor", path);
  return rope;
}

// rope_theta and rope_scaling; Transformers 5 moves both into rope_parameters.
RopeSpec read_rope(const Json& config, const std::string& where) {
  const RopeSpec plain{.theta = config_value(config, "rope_theta", 10000.0, where)};
  std::optional<RopeSpec> found;
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const auto object = config.find(key);
    if (object == config.end() || object->is_null()) continue;
    const RopeSpec rope = read_rope_object(*object, plain.theta, where + "." + key);
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
  }
  return nullptr;
}

const std::vector<std::pair<std::string, Activation>> activation_names = {
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"gelu", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"relu", Activation::relu}};

// Keys that change nothing in the forward pass of this family, or are handled elsewhere. Anything else is
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
                                             "tokenizer_class"};
  return keys;
}

Json token_ids(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  if (ids.size() == 1) return ids[0];
  return ids;
}

}  // namespace

Activation read_activation(const Json& config, const std::string& where) {
  const auto name = config_value<std::string>(config, "hidden_act", "silu", where);
  return Registry<Activation>("hidden_act", activation_names).get(name, where, Fault::input);
}

std::string write_activation(Activation activation) {
  for (const auto& [name, value] : activation_names)
    if (value == activation) return name;
  COPPICE_CHECK(false, "every activation has a name");
}

ModelSpec read_llama_shape(const Json& config, const FfnSpec& ffn, const std::set<std::string>& family_keys,
                           const std::string& where) {
  std::set<std::string> known = {"vocab_size",          "hidden_size",       "max_position_embeddings",
                                 "tie_word_embeddings", "rms_norm_eps",      "bos_token_id",
                                 "eos_token_id",        "num_hidden_layers", "num_attention_heads",
                                 "num_key_value_heads", "head_dim",          "rope_theta",
                                 "rope_scaling",        "rope_parameters",   "hidden_act",
                                 "intermediate_size"};
  known.insert(family_keys.begin(), family_keys.end());
  known.insert(harmless_keys().begin(), harmless_keys().end());
  refuse_other_keys(config, known, where);
  ModelSpec spec;
  spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
  spec.width = config_required<int64_t>(config, "hidden_size", where);
  spec.context = config_value<int64_t>(config, "max_position_embeddings", 2048, where);
  spec.tied_embeddings = config_value(config, "tie_word_embeddings", false, where);
  spec.norm_epsilon = config_value(config, "rms_norm_eps", 1e-6, where);
  if (config.contains("bos_token_id"))
    from_json(config["bos_token_id"], spec.bos_id, where + ".bos_token_id");
  if (const auto eos = config.find("eos_token_id"); eos != config.end() && !eos->is_null())
    from_json(eos->is_array() ? *eos : Json::array({*eos}), spec.eos_ids, where + ".eos_token_id");

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
  const auto layers = config_required<int64_t>(config, "num_hidden_layers", where);
  if (layers < 1 || layers > max_layers)
    throw Error({.where = where + ".num_hidden_layers",
                 .found = fmt::format("{}", layers),
                 .expected = fmt::format("1 to {}", max_layers)});
  const auto* moe = std::get_if<MoeSpec>(&ffn);
  if (moe != nullptr && moe->experts() * layers > max_experts_in_model)
    throw Error({.where = where,
                 .found = fmt::format("{} experts in each of {} layers", moe->experts(), layers),
                 .expected = fmt::format("at most {} experts in all", max_experts_in_model)});
  spec.blocks.assign(static_cast<size_t>(layers), BlockSpec{attention, ffn});
  // The field limits of ModelSpec hold for other families' files too.
  return from_json<ModelSpec>(to_json(spec), where);
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
  config["bos_token_id"] = spec.bos_id ? Json(*spec.bos_id) : Json();
  config["eos_token_id"] = token_ids(spec.eos_ids);
  return config;
}

std::optional<std::string> llama_shape_obstacle(const ModelSpec& spec) {
  const auto& first = std::get<AttentionSpec>(spec.blocks.front().mixer);
  for (const auto& block : spec.blocks)
    if (std::get<AttentionSpec>(block.mixer) != first) return "its layers' attention differs";
  if (first.qkv_bias != first.output_bias) return "attention biases on some projections only";
  return std::nullopt;
}

Family llama_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            return read_llama_shape(
                config,
                DenseFfnSpec{.width = config_required<int64_t>(config, "intermediate_size", where),
                             .bias = config_value(config, "mlp_bias", false, where),
                             .activation = read_activation(config, where)},
                {"attention_bias", "mlp_bias"}, where);
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec)) return obstacle;
        for (const auto& block : spec.blocks) {
          const auto* ffn = std::get_if<DenseFfnSpec>(&block.ffn);
          if (ffn == nullptr) return "it has a mixture of experts";
          if (!ffn->gated) return "its FFN is not gated";
          if (block.ffn != spec.blocks.front().ffn) return "its layers' FFNs differ";
        }
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
            Json config = {{"architectures", {"LlamaForCausalLM"}}, {"model_type", "llama"}};
            config.update(write_llama_shape(spec));
            config["intermediate_size"] = ffn.width;
            config["hidden_act"] = write_activation(ffn.activation);
            config["mlp_bias"] = ffn.bias;
            return config;
          },
      .file_name = [](const std::string& name) { return name; },
  };
}

}  // namespace coppice
