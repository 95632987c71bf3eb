#include "model/arch/bert_shape.h"

#include <algorithm>
#include <map>

namespace coppice {

namespace {

// How sentence-transformers makes a score of a cross-encoder's logit: today's key, within "sentence_transformers", and the
// early one, which all its releases read.
constexpr const char* early_activation_key = "sbert_ce_default_activation_function";

// As many as id2label names, or else as Transformers takes it.
int64_t read_labels(const Json& config, const std::string& where) {
  if (const auto names = config.find("id2label"); names != config.end() && names->is_object())
    return static_cast<int64_t>(names->size());
  for (const char* key : {"num_labels", "_num_labels"})
    if (config.contains(key) && !config[key].is_null()) return config_required<int64_t>(config, key, where);
  return 2;
}

// What id2label names. The names that Transformers makes up where nobody gave any are none.
std::vector<std::string> read_label_names(const Json& config, const std::string& where) {
  const auto listed = config.find("id2label");
  if (listed == config.end() || !listed->is_object()) return {};
  std::map<std::string, std::string> by_number;
  for (const auto& [number, name] : listed->items())
    by_number[number] = name.is_string() ? name.get<std::string>() : to_line(name);
  const ModelSpec nameless;
  std::vector<std::string> names;
  bool made_up = true;
  for (size_t label = 0; label < by_number.size(); ++label) {
    const auto found = by_number.find(std::to_string(label));
    if (found == by_number.end())
      throw Error({.where = where + ".id2label",
                   .found = fmt::format("{} labels, but none of the number {}", by_number.size(), label),
                   .expected = "numbers from 0 without a gap"});
    made_up = made_up && found->second == label_name(nameless, static_cast<int64_t>(label));
    names.push_back(found->second);
  }
  return made_up ? std::vector<std::string>() : names;
}

ModuleActivation read_score_activation(const Json& config, const std::string& where) {
  const auto own = config.find("sentence_transformers");
  const bool has_own = own != config.end() && own->is_object() && own->contains("activation_fn");
  const Json name = has_own ? (*own)["activation_fn"] : config.value(early_activation_key, Json());
  const std::string path =
      where + "." + (has_own ? "sentence_transformers.activation_fn" : early_activation_key);
  if (name.is_null()) return ModuleActivation::sigmoid;
  return parse_module(from_json<std::string>(name, path), path);
}

void set_head(ModelSpec& spec, const EncoderTop& top, HeadKind head, const Json& config,
              const std::string& where) {
  const ModelSpec bare;
  const bool masked = head == HeadKind::masked, classifies = head == HeadKind::classifier;
  spec.head = head;
  spec.tied_embeddings = masked && config_value(config, "tie_word_embeddings", true, where);
  spec.head_bias = classifies || (masked && top.head_bias);
  spec.head_activation = classifies ? top.classifier.activation
                         : masked   ? top.head_activation
                                    : bare.head_activation;
  spec.head_dense_bias = classifies ? top.classifier.dense_bias
                         : masked   ? top.head_dense_bias
                                    : bare.head_dense_bias;
  spec.labels = classifies ? read_labels(config, where) : bare.labels;
  spec.label_names = classifies ? read_label_names(config, where) : bare.label_names;
  spec.score_activation =
      classifies && spec.labels == 1 ? read_score_activation(config, where) : bare.score_activation;
  spec.head_pooling = classifies ? top.classifier.pooling : bare.head_pooling;
  spec.head_norm = classifies && top.classifier.norm;
}

}  // namespace

void complete_encoder_top(ModelSpec& spec, const EncoderTop& top, const HasTensor& has, const Json& config,
                          const std::string& where) {
  const HeadKind head = has("classifier.weight")      ? HeadKind::classifier
                        : has("lm_head.dense.weight") ? HeadKind::masked
                                                      : HeadKind::none;
  // A label for every token, say, needs the same tensors in some families.
  const auto classes = config_value<std::vector<std::string>>(config, "architectures", {}, where);
  const std::string wanted = top.name + "ForSequenceClassification";
  if (head == HeadKind::classifier && !classes.empty() && std::ranges::find(classes, wanted) == classes.end())
    throw Error({.where = where + ".architectures",
                 .found = fmt::format("{} with the tensors of a classifier", classes[0]),
                 .expected = wanted + ", which classifies whole texts"});
  set_head(spec, top, head, config, where);
  const bool taken = head == HeadKind::classifier && top.classifier.is_pooler;
  spec.pooler = top.has_pooler && !taken && has("model.pooler.weight");
}

void read_encoder_top(ModelSpec& spec, const EncoderTop& top, const Json& config, const std::string& where) {
  const auto classes = config_value<std::vector<std::string>>(config, "architectures", {}, where);
  const auto named = [&](const char* ending) {
    return std::ranges::find(classes, top.name + ending) != classes.end();
  };
  set_head(spec, top,
           named("ForSequenceClassification")                ? HeadKind::classifier
           : named("ForMaskedLM") || named("ForPreTraining") ? HeadKind::masked
                                                             : HeadKind::none,
           config, where);
  spec.pooler = top.has_pooler && (named("Model") || named("ForPreTraining"));
}

void write_encoder_top(const ModelSpec& spec, const EncoderTop& top, Json& config) {
  Json classes = Json::array();
  if (spec.head == HeadKind::masked) classes.push_back(top.name + "ForMaskedLM");
  if (spec.head == HeadKind::classifier) classes.push_back(top.name + "ForSequenceClassification");
  if (spec.pooler || (!top.has_pooler && classes.empty())) classes.push_back(top.name + "Model");
  if (!classes.empty()) config["architectures"] = classes;
  if (spec.head == HeadKind::masked) config["tie_word_embeddings"] = spec.tied_embeddings;
  if (spec.head != HeadKind::classifier) return;
  for (int64_t label = 0; label < spec.labels; ++label) {
    const std::string name = label_name(spec, label);
    config["id2label"][std::to_string(label)] = name;
    config["label2id"][name] = label;
  }
  if (spec.labels == 1 && spec.score_activation != ModuleActivation::sigmoid)
    config[early_activation_key] = module_of(spec.score_activation);
}

std::optional<std::string> encoder_top_obstacle(const ModelSpec& spec, const EncoderTop& top) {
  if (spec.pooler && !top.has_pooler) return "it has a pooler";
  if (spec.head == HeadKind::linear) return "its output head is of another kind";
  if (spec.head == HeadKind::none) return std::nullopt;
  if (spec.head == HeadKind::classifier) {
    const EncoderTop::Classifier& classifier = top.classifier;
    if (spec.pooler && classifier.is_pooler) return "it has a pooler beside its classifier";
    if (!spec.head_bias || spec.head_dense_bias != classifier.dense_bias) return "its classifier's biases";
    if (spec.head_activation != classifier.activation) return "its classifier's activation";
    if (spec.head_pooling != classifier.pooling) return "what its classifier sees of a text";
    if (spec.head_norm != classifier.norm)
      return spec.head_norm ? "its classifier has a norm" : "its classifier has no norm";
    return std::nullopt;
  }
  if (spec.head_bias != top.head_bias || spec.head_dense_bias != top.head_dense_bias)
    return "its output head's biases";
  if (spec.head_activation != top.head_activation) return "its output head's activation";
  return std::nullopt;
}

const std::set<std::string>& encoder_keys() {
  static const std::set<std::string> keys = {"output_past",          "output_attentions",
                                             "output_hidden_states", "gradient_checkpointing",
                                             "num_labels",           "finetuning_task",
                                             "classifier_dropout",   "tie_word_embeddings",
                                             "initializer_range",    "prefix",
                                             "_num_labels",          "sentence_transformers",
                                             early_activation_key};
  return keys;
}

void set_bert_blocks(ModelSpec& spec, int64_t heads, const DenseFfnSpec& ffn, int64_t layers) {
  spec.learned_positions = spec.embedding_norm = true;
  spec.final_norm = false;
  spec.norm = NormKind::layer;
  AttentionSpec attention = plain_attention({.heads = heads, .kv_heads = heads}, spec.width, {.fraction = 0});
  attention.causal = false;
  spec.blocks.assign(static_cast<size_t>(layers), {attention, ffn, NormPlacement::post_sum});
}

std::optional<std::string> bert_body_obstacle(const ModelSpec& spec) {
  if (auto obstacle = unequal_blocks_obstacle(spec)) return obstacle;
  const BlockSpec& block = spec.blocks.front();
  if (block.norms != NormPlacement::post_sum) return "its norms stand elsewhere";
  if (spec.norm != NormKind::layer || !spec.norm_bias) return "its norms are not LayerNorm with bias";
  if (!spec.embedding_norm || spec.final_norm) return "the norms of its embedding and of its end";
  if (!spec.learned_positions) return "its positions are of another kind";
  const auto* attention = std::get_if<AttentionSpec>(&block.mixer);
  if (attention == nullptr) return "it mixes tokens otherwise";
  AttentionSpec expected = plain_attention(*attention, spec.width, {.fraction = 0});
  expected.causal = false;
  if (*attention != expected || attention->heads != attention->kv_heads || spec.width % attention->heads != 0)
    return "its attention is of another kind";
  const auto* ffn = std::get_if<DenseFfnSpec>(&block.ffn);
  if (ffn == nullptr) return "it has a mixture of experts";
  if (ffn->gated || !ffn->bias) return "its FFN is of another kind";
  return std::nullopt;
}

ModelSpec read_bert_config(const Json& config, int64_t position_offset, const std::string& where) {
  std::set<std::string> known = {"vocab_size",
                                 "hidden_size",
                                 "num_hidden_layers",
                                 "num_attention_heads",
                                 "intermediate_size",
                                 "hidden_act",
                                 "max_position_embeddings",
                                 "type_vocab_size",
                                 "layer_norm_eps",
                                 "position_embedding_type",
                                 "is_decoder",
                                 "add_cross_attention",
                                 "hidden_dropout_prob",
                                 "attention_probs_dropout_prob",
                                 "directionality",
                                 "pooler_fc_size",
                                 "pooler_num_attention_heads",
                                 "pooler_num_fc_layers",
                                 "pooler_size_per_head",
                                 "pooler_type"};
  known.insert(encoder_keys().begin(), encoder_keys().end());
  refuse_unknown_keys(config, known, where);
  config_must_be(config, "position_embedding_type", "absolute", where);
  config_must_be(config, "is_decoder", false, where);
  config_must_be(config, "add_cross_attention", false, where);
  ModelSpec spec;
  spec.vocabulary = config_required<int64_t>(config, "vocab_size", where);
  spec.width = config_required<int64_t>(config, "hidden_size", where);
  const auto places = config_value<int64_t>(config, "max_position_embeddings", 512, where);
  if (position_offset < 0 || places <= position_offset)
    throw Error({.where = where + ".max_position_embeddings",
                 .found = fmt::format("{}", places),
                 .expected = fmt::format("more than the {} that no token has", position_offset)});
  spec.context = places - position_offset;
  spec.position_offset = position_offset;
  spec.token_types = config_value<int64_t>(config, "type_vocab_size", 2, where);
  spec.norm_epsilon = config_value(config, "layer_norm_eps", 1e-12, where);
  read_special_tokens(config, spec, where);
  const DenseFfnSpec ffn{.width = config_required<int64_t>(config, "intermediate_size", where),
                         .gated = false,
                         .bias = true,
                         .activation = read_activation(config, "hidden_act", "gelu", where)};
  set_bert_blocks(spec, read_heads(config, "num_attention_heads", spec.width, where), ffn,
                  config_count(config, "num_hidden_layers", max_layers, where));
  return spec;
}

Json write_bert_config(const ModelSpec& spec) {
  const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
  Json config = {{"vocab_size", spec.vocabulary},
                 {"hidden_size", spec.width},
                 {"num_hidden_layers", spec.blocks.size()},
                 {"num_attention_heads", std::get<AttentionSpec>(spec.blocks.front().mixer).heads},
                 {"intermediate_size", ffn.width},
                 {"hidden_act", write_activation(ffn.activation)},
                 {"max_position_embeddings", spec.context + spec.position_offset},
                 {"type_vocab_size", spec.token_types},
                 {"layer_norm_eps", spec.norm_epsilon},
                 {"position_embedding_type", "absolute"}};
  write_special_tokens(spec, config);
  return config;
}

std::string bert_file_name(const std::string& name, const std::string& prefix) {
  return with_parts_renamed(name, {{"model.embed_tokens.", prefix + "embeddings.word_embeddings."},
                                   {"model.embed_positions.", prefix + "embeddings.position_embeddings."},
                                   {"model.embed_token_types.", prefix + "embeddings.token_type_embeddings."},
                                   {"model.embed_norm.", prefix + "embeddings.LayerNorm."},
                                   {"model.pooler.", prefix + "pooler.dense."},
                                   {"model.layers.", prefix + "encoder.layer."},
                                   {".self_attn.q_proj.", ".attention.self.query."},
                                   {".self_attn.k_proj.", ".attention.self.key."},
                                   {".self_attn.v_proj.", ".attention.self.value."},
                                   {".self_attn.o_proj.", ".attention.output.dense."},
                                   {".post_attention_layernorm.", ".attention.output.LayerNorm."},
                                   {".mlp.up_proj.", ".intermediate.dense."},
                                   {".mlp.down_proj.", ".output.dense."},
                                   {".post_feedforward_layernorm.", ".output.LayerNorm."}});
}

std::string bert_usual_name(std::string name) {
  if (name.ends_with(".LayerNorm.gamma")) return name.substr(0, name.size() - 5) + "weight";
  if (name.ends_with(".LayerNorm.beta")) return name.substr(0, name.size() - 4) + "bias";
  if (name.ends_with(".decoder.bias")) return name.substr(0, name.size() - 12) + "bias";
  return name;
}

bool is_bert_buffer(const std::string& name, const ModelSpec&) {
  return name.ends_with("embeddings.position_ids") || name.ends_with("embeddings.token_type_ids");
}

}  // namespace coppice
