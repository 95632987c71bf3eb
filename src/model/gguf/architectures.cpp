#include "model/gguf/architectures.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "model/arch/families.h"
#include "model/gguf/tensor_names.h"

namespace coppice {
namespace {

// Softmax over all experts, then top-k; weights renormalised over the selected, or as scored.
constexpr RouterSpec renormalised = {.weight = ExpertWeight::renormalised},
                     scored = {.weight = ExpertWeight::score};

std::string short_line(const Json& json) {
  const std::string line = to_line(json);
  return line.size() <= 60 ? line : line.substr(0, 57) + "…";
}

// The first place where two documents differ, in words; numbers may differ by the rounding to f32.
std::optional<std::string> difference(const Json& wanted, const Json& got, const std::string& place) {
  const auto differs = [&] {
    return fmt::format("{} is {}, where its files can only say {}", place, short_line(wanted),
                       short_line(got));
  };
  if (wanted.is_number() && got.is_number()) {
    if (static_cast<float>(wanted.get<double>()) == static_cast<float>(got.get<double>()))
      return std::nullopt;
    return differs();
  }
  if (wanted.is_object() && got.is_object()) {
    for (const auto& [key, value] : wanted.items())
      if (auto found = difference(value, got.value(key, Json()), place.empty() ? key : place + "." + key))
        return found;
    return std::nullopt;
  }
  if (wanted.is_array() && got.is_array() && wanted.size() == got.size()) {
    for (size_t i = 0; i < wanted.size(); ++i)
      if (auto found = difference(wanted[i], got[i], fmt::format("{}[{}]", place, i))) return found;
    return std::nullopt;
  }
  return wanted == got ? std::nullopt : std::optional(differs());
}

// Files hold a tenth of it, as llama.cpp's converter has written it since its first files.
constexpr double log_multiplier_share = 0.1;

struct KeyWriter {
  const std::string& prefix;
  GgufMetadata& metadata;
  void whole(const char* key, int64_t value) const {
    metadata.add(prefix + "." + key, static_cast<uint32_t>(value));
  }
  void real(const char* key, double value) const {
    metadata.add(prefix + "." + key, static_cast<float>(value));
  }
};

// Keys and values of all heads lie as one vector, so that llama.cpp sees one key head.
void add_latent_attention(const LatentAttentionSpec& attention, const KeyWriter& keys) {
  keys.whole("attention.head_count", attention.heads);
  keys.whole("attention.head_count_kv", 1);
  keys.whole("attention.key_length", attention.latent_rank + attention.rotary_dim);
  keys.whole("attention.value_length", attention.latent_rank);
  keys.whole("attention.key_length_mla", attention.query_dim());
  keys.whole("attention.value_length_mla", attention.value_dim);
  keys.whole("attention.q_lora_rank", attention.query_rank);
  keys.whole("attention.kv_lora_rank", attention.latent_rank);
  keys.whole("rope.dimension_count", attention.rotary_dim);
  const RopeSpec& rope = attention.rope;
  keys.real("rope.freq_base", rope.theta);
  if (rope.scaling != RopeScaling::yarn) return;
  keys.metadata.add(keys.prefix + ".rope.scaling.type", std::string("yarn"));
  keys.real("rope.scaling.factor", rope.factor);
  keys.whole("rope.scaling.original_context_length", rope.original_context);
  keys.real("rope.scaling.yarn_beta_fast", rope.beta_fast);
  keys.real("rope.scaling.yarn_beta_slow", rope.beta_slow);
  keys.real("rope.scaling.yarn_log_multiplier", log_multiplier_share * rope.mscale_all_dim);
}

void add_attention(const AttentionSpec& attention, const GgufArchitecture& kind, const KeyWriter& keys) {
  keys.whole("attention.head_count", attention.heads);
  keys.whole("attention.head_count_kv", attention.kv_heads);
  keys.whole("attention.key_length", attention.head_dim);
  keys.whole("attention.value_length", attention.head_dim);
  if (kind.relative_bias) {
    keys.whole("attention.relative_buckets_count", attention.relative_bias.buckets);
    return;
  }
  if (!kind.learned_positions) {
    keys.whole("rope.dimension_count", rotary_width(attention.rope, attention.head_dim));
    keys.real("rope.freq_base", attention.rope.theta);
  }
  if (attention.rope.scaling == RopeScaling::linear) {
    keys.metadata.add(keys.prefix + ".rope.scaling.type", std::string("linear"));
    keys.real("rope.scaling.factor", attention.rope.factor);
  }
  if (attention.rope.scaling == RopeScaling::llama3)
    keys.whole("rope.scaling.original_context_length", attention.rope.original_context);
}

int64_t leading_dense_layers(const ModelSpec& spec) {
  int64_t count = 0;
  for (const auto& block : spec.blocks) {
    if (moe_of(block) != nullptr) break;
    ++count;
  }
  return count;
}

// The stacks of an encoder-decoder: the counts of the whole are the encoder's.
void add_stacks(const ModelSpec& spec, const KeyWriter& keys) {
  keys.whole("block_count", static_cast<int64_t>(spec.encoder->blocks.size()));
  keys.whole("decoder_block_count", static_cast<int64_t>(spec.blocks.size()));
  if (spec.decoder_start_id) keys.whole("decoder_start_token_id", *spec.decoder_start_id);
}

// What says how many of the first layers are dense, and how experts are chosen and weighted.
void add_fine_experts(const ModelSpec& spec, const MoeSpec& moe, const GgufArchitecture& kind,
                      const KeyWriter& keys) {
  keys.whole("leading_dense_block_count", leading_dense_layers(spec));
  keys.whole("expert_shared_count", moe.shared_width / std::max<int64_t>(1, moe.widths.front()));
  keys.real("expert_weights_scale", moe.router.scale);
  if (!kind.free_router) return;
  keys.metadata.add(keys.prefix + ".expert_weights_norm", moe.router.weight == ExpertWeight::renormalised);
  keys.whole("expert_gating_func", moe.router.score == RouterScore::sigmoid ? gguf_sigmoid : gguf_softmax);
  if (moe.router.group_rule != GroupRule::best_two) return;
  keys.whole("expert_group_count", moe.router.groups);
  keys.whole("expert_group_used_count", moe.router.kept_groups);
}

// The architecture for models of a family, or for what is most like it.
std::string nearest_architecture(const ModelSpec& spec) {
  static const std::map<std::string, std::string, std::less<>> of_families = {
      {"mistral", "llama"},
      {"mixtral", "llama"},
      {"qwen2_moe", "qwen2moe"},
      {"qwen3_moe", "qwen3moe"},
      {"phi", "phi2"},
      {"deepseek_v2", "deepseek2"},
      {"deepseek_v3", "deepseek2"},
      {"pangu_ultra_moe", "deepseek2"},
      {"roberta", "bert"},
      {"xlm-roberta", "bert"},
      {"distilbert", "bert"},
      {"modernbert", "bert"},
      {"mt5", "t5"},
      {"umt5", "t5"}};
  if (const auto found = of_families.find(spec.family); found != of_families.end()) return found->second;
  if (gguf_architectures().find(spec.family) != nullptr) return spec.family;
  if (std::holds_alternative<LatentAttentionSpec>(spec.blocks.front().mixer)) return "deepseek2";
  const MoeSpec* moe = moe_of(spec.blocks.back());
  if (moe != nullptr && moe->shared_width > 0) return moe->shared_gate ? "qwen2moe" : "deepseek";
  if (spec.norm == NormKind::layer) return spec.learned_positions ? "gpt2" : "phi2";
  return "llama";
}

// What a file of the spec would tell about its tensors; nothing if one of them has no name there.
std::optional<std::vector<GgufTensor>> outline(const ModelSpec& spec, const GgufArchitecture& architecture,
                                               std::span<const float> factors, std::string& nameless) {
  std::vector<GgufTensor> tensors;
  for (const auto& tensor : tensor_table(spec)) {
    const auto name = gguf_tensor_name(tensor.name, architecture);
    if (!name) {
      nameless = tensor.name;
      return std::nullopt;
    }
    tensors.push_back({.name = name->name, .shape = tensor.shape, .bytes = {}});
  }
  if (!factors.empty())
    tensors.push_back({.name = rope_factors_name,
                       .shape = {static_cast<int64_t>(factors.size())},
                       .bytes = std::as_bytes(factors)});
  return tensors;
}

}  // namespace

const Registry<GgufArchitecture>& gguf_architectures() {
  // Which of llama.cpp's sizes are fixed, and which heads and biases it has, is as its loaders of these
  // architectures have it.
  static const Registry<GgufArchitecture> all(
      "GGUF architecture",
      {{"qwen2", {.free_heads = false, .qkv_bias = true, .output_bias = false, .ffn_bias = false}},
       {"llama", {.interleaved_rope = true, .rope_factors = true, .router = renormalised}},
       {"qwen2moe",
        {.may_tie = false,
         .free_heads = false,
         .output_bias = false,
         .dense = false,
         .router = scored,
         .expert_width_key = true,
         .shared_expert = true}},
       {"qwen3", {.qk_norm = QkNorm::head, .output_bias = false, .ffn_bias = false}},
       {"qwen3moe",
        {.qk_norm = QkNorm::head,
         .output_bias = false,
         .dense = false,
         .router = renormalised,
         .expert_width_key = true}},
       {"olmoe",
        {.qk_norm = QkNorm::projection,
         .may_tie = false,
         .free_heads = false,
         .grouped_heads = false,
         .output_bias = false,
         .dense = false,
         .router = scored}},
       {"olmo2",
        {.norms = NormPlacement::post,
         .qk_norm = QkNorm::projection,
         .may_tie = false,
         .free_heads = false,
         .output_bias = false,
         .ffn_bias = false}},
       {"phi2",
        {.partial_rope = true,
         .norm = NormKind::layer,
         .norms = NormPlacement::parallel,
         .head_bias = true,
         .may_tie = false,
         .free_heads = false,
         .qkv_bias = true,
         .output_bias = true,
         .ffn_bias = true,
         .gated = false,
         .activation = Activation::gelu_tanh}},
       {"deepseek",
        {.interleaved_rope = true,
         .free_heads = false,
         .qkv_bias = false,
         .output_bias = false,
         .ffn_bias = false,
         .dense = false,
         .router = scored,
         .expert_width_key = true,
         .leading_dense = true}},
       {"deepseek2",
        {.dense = false,
         .router = scored,
         .expert_width_key = true,
         .leading_dense = true,
         .free_router = true,
         .latent = true}},
       {"gpt2",
        {.learned_positions = true,
         .norm = NormKind::layer,
         .free_heads = false,
         .fused_qkv = true,
         .qkv_bias = true,
         .output_bias = true,
         .ffn_bias = true,
         .gated = false,
         .activation = Activation::gelu_tanh}},
       {"bert",
        {.learned_positions = true,
         .norm = NormKind::layer,
         .norms = NormPlacement::post_sum,
         .free_heads = false,
         .grouped_heads = false,
         .qkv_bias = true,
         .output_bias = true,
         .ffn_bias = true,
         .gated = false,
         .activation = Activation::gelu,
         .causal = false,
         .embedding_norm = true}},
       {"t5",
        {.grouped_heads = false,
         .qkv_bias = false,
         .output_bias = false,
         .ffn_bias = false,
         .relative_bias = true,
         .encoder_decoder = true}},
       {"t5encoder",
        {.grouped_heads = false,
         .qkv_bias = false,
         .output_bias = false,
         .ffn_bias = false,
         .causal = false,
         .relative_bias = true}}});
  return all;
}

ModelSpec gguf_part(const ModelSpec& spec, const GgufArchitecture& architecture) {
  ModelSpec part = spec;
  if (architecture.causal) return part;
  part.position_offset = 0;
  part.pooler = false;
  if (part.head != HeadKind::masked) return part;
  const ModelSpec bare;
  part.head = HeadKind::none;
  part.tied_embeddings = false;
  part.head_bias = bare.head_bias;
  part.head_activation = bare.head_activation;
  part.head_dense_bias = bare.head_dense_bias;
  return part;
}

const char* norm_epsilon_key(const GgufArchitecture& architecture) {
  return architecture.norm == NormKind::rms ? "attention.layer_norm_rms_epsilon"
                                            : "attention.layer_norm_epsilon";
}

const GgufArchitecture& gguf_architecture(const GgufMetadata& metadata) {
  const std::string name = metadata.required_text("general.architecture");
  if (const auto* architecture = gguf_architectures().find(name)) return *architecture;
  std::string known;
  for (const auto& other : gguf_architectures().names()) known += (known.empty() ? "" : ", ") + other;
  throw Error({.where = metadata.where(),
               .found = fmt::format("architecture '{}'", name.substr(0, 40)),
               .expected = "one of: " + known});
}

namespace {

struct PoolingNumber {
  Pooling pooling;
  uint32_t number;
};
constexpr PoolingNumber pooling_numbers[] = {{Pooling::mean, 1}, {Pooling::cls, 2}, {Pooling::last, 3}};

std::string pooling_key(const GgufMetadata& metadata) {
  return metadata.required_text("general.architecture") + ".pooling_type";
}

}  // namespace

std::optional<Pooling> gguf_pooling(const GgufMetadata& metadata) {
  const auto number = metadata.integer(pooling_key(metadata));
  for (const auto& known : pooling_numbers)
    if (number && *number == known.number) return known.pooling;
  return std::nullopt;
}

void add_pooling(Pooling pooling, const std::string& where, GgufMetadata& metadata) {
  for (const auto& known : pooling_numbers)
    if (known.pooling == pooling) {
      metadata.add(pooling_key(metadata), known.number);
      return;
    }
  throw Error({.where = where,
               .found = fmt::format("pooling '{}'", to_string(pooling)),
               .expected = "mean, cls or last, which GGUF can say"});
}

std::vector<float> rope_factors(const ModelSpec& spec) {
  const auto* attention = std::get_if<AttentionSpec>(&spec.blocks.front().mixer);
  if (attention == nullptr || attention->rope.scaling != RopeScaling::llama3) return {};
  RopeSpec plain = attention->rope;
  plain.scaling = RopeScaling::none;
  const auto before = rope_frequencies(plain, attention->head_dim),
             after = rope_frequencies(attention->rope, attention->head_dim);
  std::vector<float> factors;
  for (size_t i = 0; i < before.size(); ++i) factors.push_back(static_cast<float>(before[i] / after[i]));
  return factors;
}

void add_spec(const ModelSpec& spec, const std::string& architecture, GgufMetadata& metadata) {
  const KeyWriter keys{architecture, metadata};
  const GgufArchitecture& kind = gguf_architectures().get(architecture);
  metadata.add("general.architecture", architecture);
  if (kind.encoder_decoder)
    add_stacks(spec, keys);
  else
    keys.whole("block_count", static_cast<int64_t>(spec.blocks.size()));
  if (!kind.causal) metadata.add(architecture + ".attention.causal", false);
  keys.whole("context_length", spec.context);
  keys.whole("embedding_length", spec.width);
  keys.whole("vocab_size", spec.vocabulary);
  keys.real(norm_epsilon_key(kind), spec.norm_epsilon);
  const MixerSpec& mixer = spec.blocks.front().mixer;
  if (kind.latent)
    add_latent_attention(std::get<LatentAttentionSpec>(mixer), keys);
  else
    add_attention(std::get<AttentionSpec>(mixer), kind, keys);
  const auto* dense = std::get_if<DenseFfnSpec>(&spec.blocks.front().ffn);
  const MoeSpec* moe = moe_of(kind.leading_dense ? spec.blocks.back() : spec.blocks.front());
  if (moe == nullptr) {
    keys.whole("feed_forward_length", dense->width);
    return;
  }
  keys.whole("feed_forward_length", dense != nullptr ? dense->width : moe->widths.front());
  if (kind.expert_width_key) keys.whole("expert_feed_forward_length", moe->widths.front());
  if (kind.shared_expert) keys.whole("expert_shared_feed_forward_length", moe->shared_width);
  keys.whole("expert_count", moe->experts());
  keys.whole("expert_used_count", moe->top_k);
  if (kind.leading_dense) add_fine_experts(spec, *moe, kind, keys);
}

std::optional<std::string> gguf_obstacle(const ModelSpec& whole, const std::string& name) {
  const GgufArchitecture& architecture = gguf_architectures().get(name);
  const ModelSpec spec = gguf_part(whole, architecture);
  if (architecture.encoder_decoder != spec.encoder.has_value())
    return spec.encoder ? "it is an encoder-decoder" : "it has no encoder beside its blocks";
  const BlockSpec& block = architecture.leading_dense ? spec.blocks.back() : spec.blocks.front();
  const MixerSpec& mixer = spec.blocks.front().mixer;
  if (architecture.latent && !std::holds_alternative<LatentAttentionSpec>(mixer))
    return "its blocks do not begin with latent attention";
  if (!architecture.latent && !std::holds_alternative<AttentionSpec>(mixer))
    return fmt::format("its blocks begin with {}, not with attention",
                       std::visit([](const auto& own) { return own.kind; }, mixer));
  if (moe_of(block) == nullptr && !std::holds_alternative<DenseFfnSpec>(block.ffn))
    return "its feed-forwards are neither dense nor mixtures of experts";
  if (moe_of(block) != nullptr && !architecture.router) return "it has a mixture of experts";
  if (moe_of(block) == nullptr && !architecture.dense)
    return architecture.leading_dense ? "its last block has no mixture of experts"
                                      : "it has no mixture of experts";
  std::string nameless;
  const auto factors = rope_factors(spec);
  if (!factors.empty() && !architecture.rope_factors)
    return "its rotary frequencies are stretched by Llama 3's rule";
  auto tensors = outline(spec, architecture, factors, nameless);
  if (!tensors) return fmt::format("it has a tensor '{}'", nameless);
  GgufContent content{.metadata = GgufMetadata(name), .tensors = std::move(*tensors)};
  add_spec(spec, name, content.metadata);
  ModelSpec again;
  try {
    again = spec_from_gguf(content);
  } catch (const Error& error) {
    return error.what();
  }
  // These are the tokenizer's keys, and the name is Coppice's own.
  again.bos_id = spec.bos_id;
  again.eos_ids = spec.eos_ids;
  again.family = spec.family;
  // A file says how many elements of a head turn.
  for (size_t i = 0; i < std::min(spec.blocks.size(), again.blocks.size()); ++i) {
    const auto* wanted = std::get_if<AttentionSpec>(&spec.blocks[i].mixer);
    auto* got = std::get_if<AttentionSpec>(&again.blocks[i].mixer);
    if (wanted == nullptr || got == nullptr) continue;
    if (rotary_width(wanted->rope, wanted->head_dim) == rotary_width(got->rope, got->head_dim))
      got->rope.fraction = wanted->rope.fraction;
  }
  return difference(to_json(spec), to_json(again), "");
}

std::string writable_architecture(const ModelSpec& spec, const std::string& where) {
  for (const auto& [name, architecture] : gguf_architectures())
    if (!gguf_obstacle(spec, name)) return name;
  const std::string nearest = nearest_architecture(spec);
  throw Error({.where = where,
               .found = fmt::format("a model of type '{}' that no GGUF architecture holds", spec.family),
               .expected = "one that does",
               .advice = fmt::format("{}: {}; and no other architecture fits", nearest,
                                     gguf_obstacle(spec, nearest).value())});
}

}  // namespace coppice
