#include "model/gguf/architectures.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "model/arch/families.h"
#include "model/gguf/tensor_names.h"

namespace coppice {
namespace {

// Softmax over all experts, top-k, renormalised over the selected.
const RouterSpec mixtral_router = {
    .source = RouterSource::linear, .score = RouterScore::softmax, .weight = ExpertWeight::renormalised};

// Keys below the architecture's name that are read, and those that change nothing.
const std::set<std::string, std::less<>>& known_keys() {
  static const std::set<std::string, std::less<>> keys = {"context_length",
                                                          "embedding_length",
                                                          "block_count",
                                                          "feed_forward_length",
                                                          "expert_feed_forward_length",
                                                          "expert_count",
                                                          "expert_used_count",
                                                          "vocab_size",
                                                          "attention.head_count",
                                                          "attention.head_count_kv",
                                                          "attention.key_length",
                                                          "attention.value_length",
                                                          "attention.layer_norm_rms_epsilon",
                                                          "rope.freq_base",
                                                          "rope.dimension_count",
                                                          "rope.scaling.type",
                                                          "rope.scaling.factor",
                                                          "rope.scale_linear",
                                                          "rope.scaling.original_context_length",
                                                          "rope.scaling.finetuned",
                                                          "tensor_data_layout"};
  return keys;
}

// Reads the keys of one architecture.
class SpecReader {
 public:
  explicit SpecReader(const GgufContent& content)
      : content_(content),
        metadata_(content.metadata),
        architecture_(gguf_architecture(metadata_)),
        prefix_(metadata_.required_text("general.architecture") + ".") {}

  ModelSpec read() {
    refuse_other_keys();
    ModelSpec spec;
    spec.width = required("embedding_length");
    spec.context = required("context_length");
    spec.norm_epsilon = metadata_.required_number(prefix_ + "attention.layer_norm_rms_epsilon");
    spec.tied_embeddings = find("output.weight") == nullptr;
    spec.vocabulary = vocabulary();
    read_special_ids(spec);
    const int64_t layers = limited("block_count", required("block_count"), 1, max_layers);
    spec.blocks.assign(static_cast<size_t>(layers), BlockSpec{read_attention(spec.width), read_ffn(layers)});
    // The field limits of ModelSpec hold for GGUF files too.
    spec = from_json<ModelSpec>(to_json(spec), metadata_.where());
    validate(spec, metadata_.where());
    spec.family.clear();  // so that the most widely readable one is found
    spec.family = writable_family(spec);
    return spec;
  }

 private:
  Error error(const std::string& key, const std::string& found, const std::string& expected) const {
    return Error({.where = metadata_.where() + ": " + prefix_ + key, .found = found, .expected = expected});
  }
  int64_t required(const std::string& key) const { return metadata_.required_integer(prefix_ + key); }
  std::optional<int64_t> optional(const std::string& key) const { return metadata_.integer(prefix_ + key); }
  int64_t limited(const std::string& key, int64_t value, int64_t least, int64_t most) const {
    if (value < least || value > most)
      throw error(key, fmt::format("{}", value), fmt::format("{} to {}", least, most));
    return value;
  }
  const GgufTensor* find(std::string_view name) const {
    for (const auto& tensor : content_.tensors)
      if (tensor.name == name) return &tensor;
    return nullptr;
  }

  void refuse_other_keys() const {
    for (const auto& [key, value] : metadata_.entries())
      if (key.starts_with(prefix_) && !known_keys().contains(key.substr(prefix_.size())))
        throw Error({.where = metadata_.where(),
                     .found = fmt::format("key '{}', which may change the computation", key.substr(0, 80)),
                     .expected = "keys that Coppice knows for this architecture"});
  }

  int64_t vocabulary() const {
    const GgufTensor* embedding = find("token_embd.weight");
    if (embedding == nullptr || embedding->shape.size() != 2)
      throw Error({.where = metadata_.where(),
                   .found = content_.tensors.empty() ? "no tensors" : "no matrix 'token_embd.weight'",
                   .expected = "a model with weights"});
    return embedding->shape[0];
  }

  void read_special_ids(ModelSpec& spec) const {
    const auto model = metadata_.text("tokenizer.ggml.model");
    if (!model || *model == "no_vocab") return;
    const bool sentencepiece = *model == "llama";  // whose ids llama.cpp takes for granted
    spec.bos_id = metadata_.integer("tokenizer.ggml.bos_token_id");
    auto eos = metadata_.integer("tokenizer.ggml.eos_token_id");
    if (sentencepiece && !spec.bos_id) spec.bos_id = 1;
    if (sentencepiece && !eos) eos = 2;
    if (eos) spec.eos_ids.push_back(*eos);
    const auto turn = metadata_.integer("tokenizer.ggml.eot_token_id");
    if (turn && turn != eos) spec.eos_ids.push_back(*turn);
  }

  // Whether the blocks have such a bias.
  bool has_bias(const std::string& name, std::optional<bool> always) const {
    const bool found = find("blk.0." + name + ".bias") != nullptr;
    if (always && *always != found)
      throw Error({.where = metadata_.where(),
                   .found = fmt::format("{} 'blk.0.{}.bias'", found ? "a tensor" : "no tensor", name),
                   .expected = fmt::format("{} in a model of this architecture", found ? "none" : "one")});
    return found;
  }

  AttentionSpec read_attention(int64_t width) const {
    AttentionSpec attention;
    attention.heads = limited("attention.head_count", required("attention.head_count"), 1, 65536);
    attention.kv_heads = optional("attention.head_count_kv").value_or(attention.heads);
    limited("attention.head_count_kv", attention.kv_heads, 1, 65536);
    const auto key = optional("attention.key_length"), value = optional("attention.value_length");
    if (!key && width % attention.heads != 0)
      throw error("attention.head_count", fmt::format("{} heads in a width of {}", attention.heads, width),
                  "a divisor, or attention.key_length");
    attention.head_dim = key.value_or(width / attention.heads);
    for (const auto& [name, size] : {std::pair("attention.value_length", value),
                                     std::pair("rope.dimension_count", optional("rope.dimension_count"))})
      if (size && *size != attention.head_dim)
        throw error(name, fmt::format("{}", *size),
                    fmt::format("{}, the width of a head", attention.head_dim));
    attention.qkv_bias = has_bias("attn_q", architecture_.qkv_bias);
    attention.output_bias = has_bias("attn_output", architecture_.output_bias);
    attention.rope = read_rope(attention.head_dim);
    return attention;
  }

  RopeSpec read_rope(int64_t head_dim) const {
    RopeSpec rope{.theta = metadata_.number(prefix_ + "rope.freq_base").value_or(10000)};
    if (!(rope.theta > 0)) throw error("rope.freq_base", fmt::format("{}", rope.theta), "a number above 0");
    const auto linear = metadata_.number(prefix_ + "rope.scale_linear");
    const auto factor = metadata_.number(prefix_ + "rope.scaling.factor");
    const std::string type =
        metadata_.text(prefix_ + "rope.scaling.type").value_or(linear ? "linear" : "none");
    if (type == "linear") {
      rope.factor = factor ? *factor : linear.value_or(1);
      if (rope.factor != 1) rope.scaling = RopeScaling::linear;
    } else if (type != "none") {
      throw error("rope.scaling.type", fmt::format("'{}'", type.substr(0, 40)), "none or linear");
    }
    const GgufTensor* factors = find(rope_factors_name);
    return factors == nullptr ? rope : stretched(rope, *factors, head_dim);
  }

  // Files of Llama 3.1 and its kin hold what its rule makes of the frequencies, not its numbers. The
  // published models share all of them but the factor, which is that of the lowest frequency.
  RopeSpec stretched(RopeSpec rope, const GgufTensor& tensor, int64_t head_dim) const {
    const std::string where = metadata_.where() + ": " + tensor.name;
    const auto factors = dequantize(tensor.type, tensor.bytes, where);
    if (static_cast<int64_t>(factors.size()) != head_dim / 2 || rope.scaling != RopeScaling::none)
      throw Error({.where = where,
                   .found = fmt::format("{} factors", factors.size()),
                   .expected = fmt::format("{}, and no other scaling", head_dim / 2)});
    const auto is_one = [](float factor) { return factor == 1.0f; };
    if (std::all_of(factors.begin(), factors.end(), is_one)) return rope;
    const RopeSpec plain = rope;
    rope.scaling = RopeScaling::llama3;
    rope.factor = factors.back();
    rope.original_context = optional("rope.scaling.original_context_length").value_or(8192);
    if (rope.factor > 0 && rope.original_context > 0) {
      const auto before = rope_frequencies(plain, head_dim), after = rope_frequencies(rope, head_dim);
      bool equal = true;
      for (size_t i = 0; i < factors.size(); ++i)
        equal = equal && std::fabs(before[i] / after[i] - factors[i]) <= 1e-5 * std::fabs(factors[i]);
      if (equal) return rope;
    }
    throw Error({.where = where,
                 .found = "rotary factors that are not Llama 3.1's",
                 .expected = "its rule with low and high frequency factors 1 and 4"});
  }

  FfnSpec read_ffn(int64_t layers) const {
    const int64_t experts = optional("expert_count").value_or(0);
    if (experts == 0)
      return DenseFfnSpec{.width = required("feed_forward_length"),
                          .bias = has_bias("ffn_up", architecture_.ffn_bias)};
    if (!architecture_.router)
      throw error("expert_count", fmt::format("{}", experts), "0 for this architecture");
    limited("expert_count", experts, 1, max_experts_in_model / layers);
    const auto width = optional("expert_feed_forward_length");
    return MoeSpec{.widths = std::vector<int64_t>(static_cast<size_t>(experts),
                                                  width ? *width : required("feed_forward_length")),
                   .top_k = required("expert_used_count"),
                   .router = *architecture_.router};
  }

  const GgufContent& content_;
  const GgufMetadata& metadata_;
  const GgufArchitecture& architecture_;
  std::string prefix_;
};

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

// What a file of the spec would tell about its tensors; nothing if one of them has no name there.
std::optional<std::vector<GgufTensor>> outline(const ModelSpec& spec, std::span<const float> factors,
                                               std::string& nameless) {
  std::vector<GgufTensor> tensors;
  for (const auto& tensor : tensor_table(spec)) {
    const auto name = gguf_tensor_name(tensor.name);
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
  static const Registry<GgufArchitecture> all(
      "GGUF architecture", {{"qwen2", {.qkv_bias = true, .output_bias = false, .ffn_bias = false}},
                            {"llama", {.interleaved_rope = true, .router = mixtral_router}}});
  return all;
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

ModelSpec spec_from_gguf(const GgufContent& content) {
  return SpecReader(content).read();
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
  const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
  const auto whole = [&](const char* key, int64_t value) {
    metadata.add(architecture + "." + key, static_cast<uint32_t>(value));
  };
  const auto real = [&](const char* key, double value) {
    metadata.add(architecture + "." + key, static_cast<float>(value));
  };
  metadata.add("general.architecture", architecture);
  whole("block_count", static_cast<int64_t>(spec.blocks.size()));
  whole("context_length", spec.context);
  whole("embedding_length", spec.width);
  whole("vocab_size", spec.vocabulary);
  whole("attention.head_count", attention.heads);
  whole("attention.head_count_kv", attention.kv_heads);
  whole("attention.key_length", attention.head_dim);
  whole("attention.value_length", attention.head_dim);
  real("attention.layer_norm_rms_epsilon", spec.norm_epsilon);
  whole("rope.dimension_count", attention.head_dim);
  real("rope.freq_base", attention.rope.theta);
  if (attention.rope.scaling == RopeScaling::linear) {
    metadata.add(architecture + ".rope.scaling.type", std::string("linear"));
    real("rope.scaling.factor", attention.rope.factor);
  }
  if (attention.rope.scaling == RopeScaling::llama3)
    whole("rope.scaling.original_context_length", attention.rope.original_context);
  const BlockSpec& block = spec.blocks.front();
  if (const MoeSpec* moe = moe_of(block)) {
    whole("feed_forward_length", moe->widths.front());
    whole("expert_count", moe->experts());
    whole("expert_used_count", moe->top_k);
  } else {
    whole("feed_forward_length", std::get<DenseFfnSpec>(block.ffn).width);
  }
}

std::optional<std::string> gguf_obstacle(const ModelSpec& spec, const std::string& name) {
  const GgufArchitecture& architecture = gguf_architectures().get(name);
  const BlockSpec& block = spec.blocks.front();
  if (!std::holds_alternative<AttentionSpec>(block.mixer)) return "its blocks do not begin with attention";
  if (moe_of(block) == nullptr && !std::holds_alternative<DenseFfnSpec>(block.ffn))
    return "its feed-forwards are neither dense nor mixtures of experts";
  if (moe_of(block) != nullptr && !architecture.router) return "it has a mixture of experts";
  std::string nameless;
  const auto factors = rope_factors(spec);
  auto tensors = outline(spec, factors, nameless);
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
  return difference(to_json(spec), to_json(again), "");
}

std::string writable_architecture(const ModelSpec& spec, const std::string& where) {
  std::string reasons;
  for (const auto& [name, architecture] : gguf_architectures()) {
    const auto obstacle = gguf_obstacle(spec, name);
    if (!obstacle) return name;
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name, *obstacle);
  }
  throw Error({.where = where,
               .found = fmt::format("a model of type '{}' that no GGUF architecture holds", spec.family),
               .expected = "one that does",
               .advice = reasons});
}

}  // namespace coppice
