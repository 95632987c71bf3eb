// The key-values of a GGUF file, and the names and shapes of its tensors, as a ModelSpec.

#include <algorithm>
#include <cmath>
#include <set>

#include "model/arch/families.h"
#include "model/gguf/architectures.h"
#include "model/gguf/tensor_names.h"

namespace coppice {
namespace {

// Keys below the architecture's name that are read, and those that change nothing.
const std::set<std::string, std::less<>>& known_keys() {
  static const std::set<std::string, std::less<>> keys = {"context_length",
                                                          "embedding_length",
                                                          "block_count",
                                                          "feed_forward_length",
                                                          "expert_feed_forward_length",
                                                          "expert_shared_feed_forward_length",
                                                          "expert_count",
                                                          "expert_used_count",
                                                          "vocab_size",
                                                          "attention.head_count",
                                                          "attention.head_count_kv",
                                                          "attention.key_length",
                                                          "attention.value_length",
                                                          "attention.layer_norm_rms_epsilon",
                                                          "attention.layer_norm_epsilon",
                                                          "rope.freq_base",
                                                          "rope.dimension_count",
                                                          "rope.scaling.type",
                                                          "rope.scaling.factor",
                                                          "rope.scale_linear",
                                                          "rope.scaling.original_context_length",
                                                          "rope.scaling.finetuned",
                                                          "tensor_data_layout",
                                                          "pooling_type"};
  return keys;
}

// Further keys of architectures with the flag.
const std::set<std::string, std::less<>>& leading_dense_keys() {
  static const std::set<std::string, std::less<>> keys = {"leading_dense_block_count", "expert_shared_count",
                                                          "expert_weights_scale"};
  return keys;
}

const std::set<std::string, std::less<>>& free_router_keys() {
  static const std::set<std::string, std::less<>> keys = {"expert_weights_norm", "expert_gating_func",
                                                          "expert_group_count", "expert_group_used_count"};
  return keys;
}

const std::set<std::string, std::less<>>& latent_keys() {
  static const std::set<std::string, std::less<>> keys = {
      "attention.q_lora_rank",           "attention.kv_lora_rank",      "attention.key_length_mla",
      "attention.value_length_mla",      "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
      "rope.scaling.yarn_log_multiplier"};
  return keys;
}

const std::set<std::string, std::less<>>& encoder_keys() {
  static const std::set<std::string, std::less<>> keys = {"attention.causal"};
  return keys;
}

const std::set<std::string, std::less<>>& relative_bias_keys() {
  static const std::set<std::string, std::less<>> keys = {"attention.relative_buckets_count",
                                                          "decoder_start_token_id", "decoder_block_count"};
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
    spec.learned_positions = architecture_.learned_positions;
    spec.head_bias = architecture_.head_bias;
    spec.norm = architecture_.norm;
    spec.norm_epsilon = metadata_.required_number(prefix_ + norm_epsilon_key(architecture_));
    read_ends(spec);
    spec.vocabulary = vocabulary();
    read_special_ids(spec);
    const int64_t layers = limited("block_count", required("block_count"), 1, max_layers);
    spec.blocks.assign(static_cast<size_t>(layers),
                       BlockSpec{read_mixer(spec, layers), read_ffn(layers), architecture_.norms});
    if (architecture_.leading_dense) read_leading_dense(spec);
    if (architecture_.encoder_decoder) read_decoder(spec);
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
  Error missing(const std::string& tensor, const std::string& expected) const {
    return Error(
        {.where = metadata_.where(), .found = fmt::format("no tensor '{}'", tensor), .expected = expected});
  }
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

  bool is_known(const std::string& key) const {
    return known_keys().contains(key) ||
           (architecture_.leading_dense && leading_dense_keys().contains(key)) ||
           (architecture_.free_router && free_router_keys().contains(key)) ||
           (architecture_.latent && latent_keys().contains(key)) ||
           (!architecture_.causal && encoder_keys().contains(key)) ||
           (architecture_.relative_bias && relative_bias_keys().contains(key));
  }

  void refuse_other_keys() const {
    for (const auto& [key, value] : metadata_.entries())
      if (key.starts_with(prefix_) && !is_known(key.substr(prefix_.size())))
        throw Error({.where = metadata_.where(),
                     .found = fmt::format("key '{}', which may change the computation", key.substr(0, 80)),
                     .expected = "keys that Coppice knows for this architecture"});
  }

  // What is before the first block and behind the last.
  void read_ends(ModelSpec& spec) const {
    if (architecture_.embedding_norm) {
      spec.embedding_norm = true;
      spec.final_norm = false;
      const GgufTensor* types = find("token_types.weight");
      if (types != nullptr && !types->shape.empty()) spec.token_types = types->shape.front();
    }
    if (!architecture_.causal) {
      if (metadata_.flag(prefix_ + "attention.causal").value_or(false))
        throw error("attention.causal", "true", "attention that sees both ways");
      spec.head = HeadKind::none;
      return;
    }
    spec.tied_embeddings = find("output.weight") == nullptr;
    if (spec.tied_embeddings && !architecture_.may_tie)
      throw missing("output.weight", "a head of its own in a model of this architecture");
    // What enters a tied head of T5 is scaled, though llama.cpp does not do so.
    if (spec.tied_embeddings && architecture_.relative_bias)
      spec.logit_scale = 1 / std::sqrt(static_cast<double>(spec.width));
  }

  // The blocks that were read are the encoder's.
  void read_decoder(ModelSpec& spec) const {
    const BlockSpec& block = spec.blocks.front();
    AttentionSpec attention = std::get<AttentionSpec>(block.mixer), cross = attention;
    attention.causal = true;
    cross.relative_bias = {};
    const int64_t layers = limited(
        "decoder_block_count",
        optional("decoder_block_count").value_or(static_cast<int64_t>(spec.blocks.size())), 1, max_layers);
    const BlockSpec decoder{.mixer = attention, .ffn = block.ffn, .cross_attention = cross};
    spec.encoder.emplace().blocks = std::move(spec.blocks);
    spec.blocks.assign(static_cast<size_t>(layers), decoder);
    spec.decoder_start_id = limited("decoder_start_token_id", optional("decoder_start_token_id").value_or(0),
                                    0, spec.vocabulary - 1);
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
    spec.bos_id = metadata_.integer("tokenizer.ggml.bos_token_id");
    auto eos = metadata_.integer("tokenizer.ggml.eos_token_id");
    // Ids that llama.cpp takes for granted.
    if (*model == "llama" && !spec.bos_id) spec.bos_id = 1;
    if (*model == "llama" && !eos) eos = 2;
    if (*model == "t5" && !eos) eos = 1;
    if (eos) spec.eos_ids.push_back(*eos);
    const auto turn = metadata_.integer("tokenizer.ggml.eot_token_id");
    if (turn && turn != eos) spec.eos_ids.push_back(*turn);
  }

  // Whether the blocks have such a bias, alone or in the stack that it may be part of.
  bool has_bias(const std::string& name, std::optional<bool> always, const char* stacked = "") const {
    const bool found =
        find("blk.0." + name + ".bias") != nullptr || find(fmt::format("blk.0.{}.bias", stacked)) != nullptr;
    if (always && *always != found)
      throw Error({.where = metadata_.where(),
                   .found = fmt::format("{} 'blk.0.{}.bias'", found ? "a tensor" : "no tensor", name),
                   .expected = fmt::format("{} in a model of this architecture", found ? "none" : "one")});
    return found;
  }

  MixerSpec read_mixer(const ModelSpec& spec, int64_t layers) const {
    if (architecture_.latent) return read_latent(spec, layers);
    return read_attention(spec.width);
  }

  // llama.cpp reads no query rank of models with the numbers of layers that DeepSeek-V2-Lite and two others
  // have.
  static bool is_lite(const ModelSpec& spec, int64_t layers) {
    return layers == 26 || layers == 27 || (layers == 48 && spec.vocabulary == 128256);
  }

  // Newer files have the widths of heads under keys of their own, because llama.cpp computes with the latent
  // vectors themselves; older ones expand them first.
  LatentAttentionSpec read_latent(const ModelSpec& spec, int64_t layers) const {
    LatentAttentionSpec attention;
    constexpr int64_t most_rank = 1 << 20, most_dim = 65536;
    const bool absorbed = optional("attention.key_length_mla") && optional("attention.value_length_mla");
    const std::string key = absorbed ? "attention.key_length_mla" : "attention.key_length",
                      value = absorbed ? "attention.value_length_mla" : "attention.value_length";
    attention.heads = limited("attention.head_count", required("attention.head_count"), 1, most_dim);
    const int64_t query_dim = limited(key, required(key), 3, 2 * most_dim);
    attention.rotary_dim = limited("rope.dimension_count", required("rope.dimension_count"), 2,
                                   std::min(most_dim, query_dim - 1));
    attention.plain_dim = limited(key, query_dim, 3, attention.rotary_dim + most_dim) - attention.rotary_dim;
    attention.value_dim = limited(value, required(value), 1, most_dim);
    attention.latent_rank =
        limited("attention.kv_lora_rank", required("attention.kv_lora_rank"), 1, most_rank);
    const int64_t query_rank =
        limited("attention.q_lora_rank", optional("attention.q_lora_rank").value_or(0), 0, most_rank);
    attention.query_rank = is_lite(spec, layers) ? 0 : query_rank;
    attention.norm_epsilon = spec.norm_epsilon;
    attention.rope = read_latent_rope(spec);
    return attention;
  }

  // llama.cpp takes it that cosines and sines are not multiplied, and has for the scores of stretched models
  // the factor that YaRN has.
  RopeSpec read_latent_rope(const ModelSpec& spec) const {
    RopeSpec rope{.theta = metadata_.number(prefix_ + "rope.freq_base").value_or(10000), .interleaved = true};
    if (!(rope.theta > 0)) throw error("rope.freq_base", fmt::format("{}", rope.theta), "a number above 0");
    const std::string type = metadata_.text(prefix_ + "rope.scaling.type").value_or("none");
    if (type == "none") return rope;
    if (type != "yarn")
      throw error("rope.scaling.type", fmt::format("'{}'", type.substr(0, 40)), "none or yarn");
    const auto number = [&](const char* key, double otherwise) {
      return metadata_.number(prefix_ + "rope.scaling." + key).value_or(otherwise);
    };
    rope.scaling = RopeScaling::yarn;
    rope.factor = number("factor", 1);
    if (!(rope.factor >= 1))
      throw error("rope.scaling.factor", fmt::format("{}", rope.factor), "a number from 1 on");
    rope.original_context = optional("rope.scaling.original_context_length").value_or(spec.context);
    rope.beta_fast = number("yarn_beta_fast", 32);
    rope.beta_slow = number("yarn_beta_slow", 1);
    // A tenth, in f32, of a number with few digits.
    rope.mscale = rope.mscale_all_dim = std::round(number("yarn_log_multiplier", 0) * 1e7) / 1e6;
    if (!(rope.mscale > 0))
      throw error("rope.scaling.yarn_log_multiplier", fmt::format("{}", rope.mscale / 10),
                  "a number above 0, without which llama.cpp scales scores twice");
    return rope;
  }

  void read_leading_dense(ModelSpec& spec) const {
    const auto layers = static_cast<int64_t>(spec.blocks.size());
    const int64_t leading = limited("leading_dense_block_count",
                                    optional("leading_dense_block_count").value_or(0), 0, layers - 1);
    for (int64_t i = 0; i < leading; ++i)
      spec.blocks[static_cast<size_t>(i)].ffn = DenseFfnSpec{.width = required("feed_forward_length")};
  }

  // Scores and weights as llama.cpp reads them; experts in groups are ranked by their two best.
  void read_router(RouterSpec& router, int64_t experts) const {
    const double scale = metadata_.number(prefix_ + "expert_weights_scale").value_or(0);
    router.scale = scale == 0 ? 1 : scale;
    if (!architecture_.free_router) return;
    const int64_t score =
        limited("expert_gating_func", optional("expert_gating_func").value_or(gguf_softmax), 1, 2);
    if (score == gguf_sigmoid) router.score = RouterScore::sigmoid;
    if (metadata_.flag(prefix_ + "expert_weights_norm").value_or(false))
      router.weight = ExpertWeight::renormalised;
    const int64_t last = limited("block_count", required("block_count"), 1, max_layers) - 1;
    router.selection_bias = find(fmt::format("blk.{}.exp_probs_b.bias", last)) != nullptr;
    router.groups = limited("expert_group_count", optional("expert_group_count").value_or(1), 0, experts - 1);
    if (router.groups <= 1) {
      router.groups = 1;
      return;
    }
    router.group_rule = GroupRule::best_two;
    router.kept_groups =
        limited("expert_group_used_count", required("expert_group_used_count"), 1, router.groups - 1);
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
    if (value && *value != attention.head_dim)
      throw error("attention.value_length", fmt::format("{}", *value),
                  fmt::format("{}, the width of a head", attention.head_dim));
    limited("attention.key_length", attention.head_dim, 1, 65536);
    refuse_odd_heads(attention, width);
    attention.qkv_bias = has_bias("attn_q", architecture_.qkv_bias, "attn_qkv");
    attention.output_bias = has_bias("attn_output", architecture_.output_bias);
    attention.qk_norm = architecture_.qk_norm;
    attention.rope = read_rope(attention.head_dim);
    attention.causal = architecture_.causal && !architecture_.encoder_decoder;
    if (architecture_.relative_bias) read_relative_bias(attention);
    return attention;
  }

  // The encoder's; a file without a second table has one for all blocks of a stack.
  void read_relative_bias(AttentionSpec& attention) const {
    const char* key = "attention.relative_buckets_count";
    attention.scale = 1;
    attention.relative_bias = {.buckets = limited(key, required(key), 2, 65536),
                               .max_distance = gguf_max_distance,
                               .shared = find("enc.blk.1.attn_rel_b.weight") == nullptr};
  }

  // llama.cpp takes the sizes of some architectures' projections for granted.
  void refuse_odd_heads(const AttentionSpec& attention, int64_t width) const {
    if (!architecture_.free_heads && attention.heads * attention.head_dim != width)
      throw error("attention.key_length",
                  fmt::format("{} heads of {} elements", attention.heads, attention.head_dim),
                  fmt::format("heads that add up to the width of {}", width));
    if (!architecture_.grouped_heads && attention.kv_heads != attention.heads)
      throw error("attention.head_count_kv", fmt::format("{}", attention.kv_heads),
                  fmt::format("{}, as many as query heads", attention.heads));
  }

  RopeSpec read_rope(int64_t head_dim) const {
    if (architecture_.learned_positions || architecture_.relative_bias) return {.fraction = 0};
    RopeSpec rope{.theta = metadata_.number(prefix_ + "rope.freq_base").value_or(10000)};
    if (!(rope.theta > 0)) throw error("rope.freq_base", fmt::format("{}", rope.theta), "a number above 0");
    const int64_t turning = optional("rope.dimension_count").value_or(head_dim);
    if (!architecture_.partial_rope && turning != head_dim)
      throw error("rope.dimension_count", fmt::format("{}", turning),
                  fmt::format("{}, the width of a head", head_dim));
    limited("rope.dimension_count", turning, 0, head_dim);
    rope.fraction = fraction_of(turning, head_dim);
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
    const GgufTensor* factors = architecture_.rope_factors ? find(rope_factors_name) : nullptr;
    return factors == nullptr ? rope : stretched(rope, *factors, head_dim);
  }

  // The share of a head of which so many elements turn, whatever way the quotient is rounded.
  static double fraction_of(int64_t turning, int64_t head_dim) {
    const double share = static_cast<double>(turning) / static_cast<double>(head_dim);
    const RopeSpec rope{.fraction = share};
    return rotary_width(rope, head_dim) == turning ? share : std::nextafter(share, 2.0);
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

  // ReLU, or a gated GELU.
  FfnSpec read_t5_ffn() const {
    const bool gated = find("enc.blk.0.ffn_gate.weight") != nullptr;
    return DenseFfnSpec{.width = required("feed_forward_length"),
                        .gated = gated,
                        .activation = gated ? Activation::gelu_tanh : Activation::relu};
  }

  FfnSpec read_ffn(int64_t layers) const {
    const int64_t experts = optional("expert_count").value_or(0);
    if (experts == 0) {
      if (!architecture_.dense) throw error("expert_count", "0", "experts in a model of this architecture");
      if (architecture_.relative_bias) return read_t5_ffn();
      return DenseFfnSpec{.width = required("feed_forward_length"),
                          .gated = architecture_.gated,
                          .bias = has_bias("ffn_up", architecture_.ffn_bias),
                          .activation = architecture_.activation};
    }
    if (!architecture_.router)
      throw error("expert_count", fmt::format("{}", experts), "0 for this architecture");
    limited("expert_count", experts, 1, max_experts_in_model / layers);
    const auto width_at = [&](const char* key) {
      const auto own = optional(key);
      return own ? *own : required("feed_forward_length");
    };
    MoeSpec moe{
        .widths = std::vector<int64_t>(static_cast<size_t>(experts), width_at("expert_feed_forward_length")),
        .top_k = required("expert_used_count"),
        .router = *architecture_.router,
        .gated = architecture_.gated,
        .activation = architecture_.activation};
    if (architecture_.shared_expert) moe.shared_width = width_at("expert_shared_feed_forward_length");
    moe.shared_gate = architecture_.shared_expert;
    if (architecture_.leading_dense) {
      const int64_t width = limited("expert_feed_forward_length", moe.widths.front(), 1, 1 << 24);
      moe.shared_width =
          width * limited("expert_shared_count", required("expert_shared_count"), 1, (1 << 24) / width);
      read_router(moe.router, experts);
    }
    return moe;
  }

  const GgufContent& content_;
  const GgufMetadata& metadata_;
  const GgufArchitecture& architecture_;
  std::string prefix_;
};

}  // namespace

ModelSpec spec_from_gguf(const GgufContent& content) {
  return SpecReader(content).read();
}

}  // namespace coppice
