#include "model/spec.h"

#include <algorithm>
#include <functional>
#include <numbers>
#include <numeric>

namespace coppice {

int64_t rotary_width(const RopeSpec& rope, int64_t head_dim) {
  return static_cast<int64_t>(static_cast<double>(head_dim) * rope.fraction);
}

namespace {

// The share of YaRN's blend that keeps the frequency of plane `i`: 1 for what turns often within the original context,
// 0 for what turns seldom, between them by index.
double yarn_kept(const RopeSpec& rope, int64_t width, int64_t i) {
  const auto plane_that_turns = [&](double turns) {
    return static_cast<double>(width) *
           std::log(static_cast<double>(rope.original_context) / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
  };
  const double low = std::max(0.0, std::floor(plane_that_turns(rope.beta_fast)));
  const double high = std::min(static_cast<double>(width - 1), std::ceil(plane_that_turns(rope.beta_slow)));
  constexpr double least = 0.001;  // the published models' way around a division by 0
  const double span = high == low ? least : high - low;
  return 1 - std::clamp((static_cast<double>(i) - low) / span, 0.0, 1.0);
}

double yarn_magnitude(const RopeSpec& rope, double scale) {
  return rope.factor <= 1 ? 1 : 0.1 * scale * std::log(rope.factor) + 1;
}

}  // namespace

double rope_amplitude(const RopeSpec& rope) {
  if (rope.scaling == RopeScaling::longrope) return rope.mscale;
  if (rope.scaling != RopeScaling::yarn) return 1;
  return yarn_magnitude(rope, rope.mscale) / yarn_magnitude(rope, rope.mscale_all_dim);
}

double rope_score_scale(const RopeSpec& rope) {
  if (rope.scaling != RopeScaling::yarn) return 1;
  const double magnitude = yarn_magnitude(rope, rope.mscale_all_dim);
  return magnitude * magnitude;
}

std::vector<double> rope_frequencies(const RopeSpec& rope, int64_t head_dim) {
  const int64_t width = rotary_width(rope, head_dim);
  std::vector<double> frequencies;
  for (int64_t i = 0; i < width / 2; ++i) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(width));
    if (rope.scaling == RopeScaling::linear) frequency /= rope.factor;
    if (rope.scaling == RopeScaling::longrope) frequency /= rope.factors.at(static_cast<size_t>(i));
    if (rope.scaling == RopeScaling::yarn) {
      const double keep = yarn_kept(rope, width, i);
      frequency = keep * frequency + (1 - keep) * frequency / rope.factor;
    }
    if (rope.scaling == RopeScaling::llama3) {
      // Llama 3.1: long wavelengths are stretched, short ones kept, those between blended.
      const double turns = static_cast<double>(rope.original_context) * frequency / (2 * std::numbers::pi);
      const double keep = std::clamp(
          (turns - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor), 0.0,
          1.0);
      frequency = keep * frequency + (1 - keep) * frequency / rope.factor;
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}

int64_t relative_bucket(const RelativeBiasSpec& bias, bool causal, int64_t offset) {
  const int64_t buckets = causal ? bias.buckets : bias.buckets / 2;
  const int64_t first = !causal && offset > 0 ? buckets : 0;
  const int64_t distance = causal ? std::max<int64_t>(0, -offset) : std::abs(offset);
  const int64_t exact = buckets / 2;
  if (distance < exact) return first + distance;
  // In single precision, like the models were trained.
  const float share =
      std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
      static_cast<float>(std::log(static_cast<double>(bias.max_distance) / static_cast<double>(exact)));
  const auto step = static_cast<int64_t>(share * static_cast<float>(buckets - exact));
  return first + std::min(exact + step, buckets - 1);
}

NormNames norm_names(NormPlacement placement) {
  if (placement == NormPlacement::post || placement == NormPlacement::post_sum)
    return {"post_attention_layernorm", "post_feedforward_layernorm"};
  if (placement == NormPlacement::parallel) return {"input_layernorm", ""};
  if (placement == NormPlacement::sandwich)
    return {.mixer = "input_layernorm",
            .ffn = "pre_feedforward_layernorm",
            .mixer_output = "post_attention_layernorm",
            .ffn_output = "post_feedforward_layernorm"};
  return {"input_layernorm", "post_attention_layernorm"};
}

namespace {

void validate_relative_bias(const AttentionSpec& attention, const std::string& where) {
  const RelativeBiasSpec& bias = attention.relative_bias;
  if (bias.buckets == 0) return;
  const int64_t least = attention.causal ? 2 : 4, exact = bias.buckets / least;
  if (exact == 0)
    throw Error({.where = where,
                 .found = fmt::format("{} buckets of distances", bias.buckets),
                 .expected = fmt::format("at least {}", least)});
  if (bias.max_distance <= exact)
    throw Error({.where = where,
                 .found = fmt::format("max_distance {} of the relative bias", bias.max_distance),
                 .expected = fmt::format("above {}, the distances with a bucket of their own", exact)});
}

void validate_rope(const RopeSpec& rope, const std::string& where) {
  if (rope.scaling == RopeScaling::llama3 && !(rope.high_frequency_factor > rope.low_frequency_factor))
    throw Error({.where = where, .found = "rope high_frequency_factor not above low_frequency_factor"});
  if (rope.scaling == RopeScaling::yarn && !(rope.theta > 1))
    throw Error(
        {.where = where, .found = fmt::format("rope theta {} with yarn", rope.theta), .expected = "above 1"});
  if (rope.scaling == RopeScaling::yarn && !(rope.beta_fast >= rope.beta_slow))
    throw Error({.where = where, .found = "rope beta_fast below beta_slow"});
}

// `width`: of the heads.
void validate_rope_factors(const RopeSpec& rope, int64_t width, const std::string& where) {
  const auto planes = static_cast<size_t>(rotary_width(rope, width) / 2);
  const size_t expected = rope.scaling == RopeScaling::longrope ? planes : 0;
  if (rope.factors.size() != expected)
    throw Error({.where = where,
                 .found = fmt::format("{} rope factors", rope.factors.size()),
                 .expected = expected == 0 ? "none without longrope"
                                           : fmt::format("{}, one for each plane that turns", expected)});
}

void validate_mixer(const AttentionSpec& attention, const std::string& where) {
  if (attention.heads % attention.kv_heads != 0)
    throw Error(
        {.where = where,
         .found = fmt::format("{} query heads on {} key-value heads", attention.heads, attention.kv_heads),
         .expected = "a multiple"});
  validate_relative_bias(attention, where);
  const RopeSpec& rope = attention.rope;
  if (rotary_width(rope, attention.head_dim) % 2 != 0)
    throw Error({.where = where,
                 .found = rope.fraction == 1
                              ? fmt::format("head_dim {}", attention.head_dim)
                              : fmt::format("{} of head_dim {} rotated",
                                            rotary_width(rope, attention.head_dim), attention.head_dim),
                 .expected = "an even number, for rotary pairs"});
  validate_rope(rope, where);
  validate_rope_factors(rope, attention.head_dim, where);
}

void validate_mixer(const LatentAttentionSpec& attention, const std::string& where) {
  if (attention.rope.fraction != 1)
    throw Error({.where = where,
                 .found = fmt::format("rope fraction {} in latent attention", attention.rope.fraction),
                 .expected = "1: all of rotary_dim turns"});
  if (attention.rotary_dim % 2 != 0)
    throw Error({.where = where,
                 .found = fmt::format("rotary_dim {}", attention.rotary_dim),
                 .expected = "an even number, for rotary pairs"});
  validate_rope(attention.rope, where);
  validate_rope_factors(attention.rope, attention.rotary_dim, where);
}

void validate_groups(const MoeSpec& moe, const std::string& where) {
  const RouterSpec& router = moe.router;
  if (router.group_rule == GroupRule::none) return;
  if (moe.experts() % router.groups != 0)
    throw Error({.where = where,
                 .found = fmt::format("{} experts in {} groups", moe.experts(), router.groups),
                 .expected = "equally many in each"});
  const int64_t size = moe.experts() / router.groups;
  if (router.group_rule == GroupRule::each) {
    if (moe.top_k % router.groups != 0)
      throw Error({.where = where,
                   .found = fmt::format("top_k {} of {} groups", moe.top_k, router.groups),
                   .expected = "equally many of each"});
    return;
  }
  if (router.kept_groups > router.groups)
    throw Error({.where = where,
                 .found = fmt::format("{} groups kept", router.kept_groups),
                 .expected = fmt::format("at most the {} groups", router.groups)});
  if (moe.top_k > router.kept_groups * size)
    throw Error({.where = where,
                 .found = fmt::format("top_k {}", moe.top_k),
                 .expected = fmt::format("at most the {} experts of {} groups", router.kept_groups * size,
                                         router.kept_groups)});
  if (router.group_rule == GroupRule::best_two && size < 2)
    throw Error({.where = where, .found = "groups of one expert", .expected = "two at least, for best_two"});
}

void validate_mixer(const ShortConvSpec&, const std::string&) {}

// A table that blocks share is that of the first, and fits them all.
void validate_shared_bias(const std::vector<BlockSpec>& blocks, const std::string& where) {
  const auto* first = std::get_if<AttentionSpec>(&blocks.front().mixer);
  for (const auto& block : blocks) {
    const auto* attention = std::get_if<AttentionSpec>(&block.mixer);
    if (attention == nullptr || attention->relative_bias.buckets == 0 || !attention->relative_bias.shared)
      continue;
    if (first == nullptr || first->relative_bias != attention->relative_bias ||
        first->heads != attention->heads || first->causal != attention->causal)
      throw Error({.where = where, .found = "a shared relative bias that is not the first block's"});
  }
}

// Cross-attention knows no positions: the encoder's output has them in it.
void validate_cross_attention(const ModelSpec& spec, const BlockSpec& block, const std::string& where) {
  if (!block.cross_attention) return;
  const AttentionSpec& cross = *block.cross_attention;
  validate_mixer(cross, where);
  if (!spec.encoder) throw Error({.where = where, .found = "cross-attention in a model without an encoder"});
  if (block.norms != NormPlacement::pre)
    throw Error({.where = where, .found = "cross-attention in a block without norms before its parts"});
  const AttentionSpec plain = {.heads = cross.heads,
                               .kv_heads = cross.kv_heads,
                               .head_dim = cross.head_dim,
                               .qkv_bias = cross.qkv_bias,
                               .output_bias = cross.output_bias,
                               .scale = cross.scale,
                               .rope = {.fraction = 0},
                               .causal = false};
  if (cross != plain)
    throw Error({.where = where,
                 .found = "cross-attention with positions, norms, gates, a window or a causal mask",
                 .expected = "heads, biases and a scale alone"});
}

void validate_ffn(const DenseFfnSpec&, const std::string&) {}

// Every id belongs to an expert and every expert to an id; how many ids there are is the model's affair.
void validate_words(const MoeSpec& moe, const std::string& where) {
  const RouterSpec& router = moe.router;
  if (router.source != RouterSource::word) {
    if (router.word_blocks.empty()) return;
    throw Error(
        {.where = where,
         .found = fmt::format("blocks of words and a router of source '{}'", to_string(router.source)),
         .expected = "source 'word'"});
  }
  const RouterSpec plain = {.source = RouterSource::word,
                            .score = RouterScore::none,
                            .weight = ExpertWeight::one,
                            .word_blocks = router.word_blocks};
  if (moe.top_k != 1 || router != plain)
    throw Error({.where = where,
                 .found = "a router by words that takes several experts, or scores, groups or weighs them",
                 .expected = "top_k 1, score 'none', weight 'one', and no more than word_blocks"});
  int64_t experts = 0;
  for (const auto& block : router.word_blocks) {
    experts += block.experts;
    if (block.experts > block.words)
      throw Error({.where = where,
                   .found = fmt::format("{} experts for {} words", block.experts, block.words),
                   .expected = "at most one for each"});
  }
  if (router.word_blocks.empty() || router.word_blocks.front() != WordBlock{1, 1})
    throw Error({.where = where,
                 .found = "word_blocks without an expert for what is unknown",
                 .expected = "a first block of one word and one expert"});
  if (experts != moe.experts())
    throw Error({.where = where,
                 .found = fmt::format("{} experts in word_blocks", experts),
                 .expected = fmt::format("the {} that there are", moe.experts())});
}

void validate_ffn(const MoeSpec& moe, const std::string& where) {
  if (moe.experts() == 0) throw Error({.where = where, .found = "no experts"});
  validate_words(moe, where);
  if (moe.top_k > moe.experts())
    throw Error({.where = where,
                 .found = fmt::format("top_k {}", moe.top_k),
                 .expected = fmt::format("at most the {} experts", moe.experts())});
  validate_groups(moe, where);
  if (moe.router.source == RouterSource::sparsity) {
    if (moe.storage != ExpertStorage::separate || moe.gated || moe.activation != Activation::relu)
      throw Error({.where = where,
                   .found = "a router by expected sparsity",
                   .expected = "separate experts without gates, of activation relu"});
    for (const int64_t width : moe.widths)
      if (width < 2)
        throw Error({.where = where,
                     .found = fmt::format("an expert of {} neurons, routed by expected sparsity", width),
                     .expected = "at least 2"});
  }
  if (moe.shared_gate && moe.shared_width == 0)
    throw Error(
        {.where = where, .found = "a gate of the shared expert", .expected = "a shared_width above 0"});
  if (moe.storage == ExpertStorage::indexed) {
    for (const int64_t width : moe.widths)
      if (width > moe.dense_width)
        throw Error({.where = where,
                     .found = fmt::format("an expert of {} neurons", width),
                     .expected = fmt::format("at most the dense width {}", moe.dense_width)});
  }
}

void validate_encoder(const ModelSpec& spec, const std::string& where) {
  if (!spec.encoder) return;
  const auto& blocks = spec.encoder->blocks;
  if (blocks.empty() || static_cast<int64_t>(blocks.size()) > max_layers)
    throw Error({.where = where,
                 .found = fmt::format("{} blocks", blocks.size()),
                 .expected = fmt::format("1 to {}", max_layers)});
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string at = fmt::format("{}: block {}", where, i);
    const auto* attention = std::get_if<AttentionSpec>(&blocks[i].mixer);
    if (attention == nullptr || attention->causal)
      throw Error({.where = at,
                   .found = "a mixer that sees no later tokens",
                   .expected = "attention with causal false"});
    if (blocks[i].cross_attention) throw Error({.where = at, .found = "cross-attention in an encoder"});
    validate_mixer(*attention, at);
    std::visit([&](const auto& ffn) { validate_ffn(ffn, at); }, blocks[i].ffn);
  }
  validate_shared_bias(blocks, where);
  const auto reads_it = [](const BlockSpec& block) { return block.cross_attention.has_value(); };
  if (std::none_of(spec.blocks.begin(), spec.blocks.end(), reads_it))
    throw Error({.where = where, .found = "an encoder that no block's cross-attention reads"});
}

double rough_parameters(double width, const AttentionSpec& a) {
  const int64_t gated_heads = a.gate == AttentionGate::none ? 0 : a.heads;
  return static_cast<double>(a.relative_bias.buckets * a.heads) +
         width * static_cast<double>((2 * a.heads + 2 * a.kv_heads + gated_heads) * a.head_dim);
}

double rough_parameters(double width, const ShortConvSpec& conv) {
  return width * (4 * width + static_cast<double>(conv.kernel_size));
}

double rough_parameters(double width, const LatentAttentionSpec& a) {
  const auto heads = static_cast<double>(a.heads), latent = static_cast<double>(a.latent_rank),
             queries = heads * static_cast<double>(a.query_dim()), rank = static_cast<double>(a.query_rank),
             values = heads * static_cast<double>(a.value_dim);
  const double of_queries = a.query_rank > 0 ? rank * (width + queries) : width * queries;
  return of_queries + width * (latent + static_cast<double>(a.rotary_dim) + values) +
         latent * (heads * static_cast<double>(a.plain_dim) + values);
}

double rough_parameters(double width, const DenseFfnSpec& ffn) {
  return 3.0 * width * static_cast<double>(ffn.width);
}

double rough_parameters(double width, const MoeSpec& moe) {
  const auto experts = static_cast<double>(moe.experts());
  double neurons = static_cast<double>(moe.dense_width) + static_cast<double>(moe.shared_width);
  for (const int64_t expert : moe.widths) neurons += static_cast<double>(expert);
  return 3.0 * width * neurons + experts * (2.0 * width + experts);
}

// What routers by words look tokens up in is there if there are such routers, and their blocks have all its ids.
void validate_routing_vocabulary(const ModelSpec& spec, const std::string& where) {
  bool used = false;
  for (const auto& [prefix, block] : all_blocks(spec)) {
    const MoeSpec* moe = moe_of(*block);
    if (moe == nullptr || moe->router.source != RouterSource::word) continue;
    used = true;
    if (!spec.routing_vocabulary)
      throw Error({.where = where,
                   .found = fmt::format("{}mlp: a router by words without a routing_vocabulary", prefix),
                   .expected = "one that says how many words there are"});
    int64_t words = 0;
    for (const auto& group : moe->router.word_blocks) words += group.words;
    if (words != spec.routing_vocabulary->entries)
      throw Error(
          {.where = where,
           .found = fmt::format("{}mlp: {} words in word_blocks", prefix, words),
           .expected = fmt::format("all {} of the routing vocabulary", spec.routing_vocabulary->entries)});
  }
  if (spec.routing_vocabulary && !used)
    throw Error({.where = where, .found = "a routing vocabulary that no router reads"});
}

// Keeps later sums of sizes within 64 bits and lists of tensors within reason.
void validate_size(const ModelSpec& spec, const std::string& where) {
  const auto width = static_cast<double>(spec.width);
  double parameters = 2.0 * width * static_cast<double>(spec.vocabulary);
  if (spec.learned_positions) parameters += width * static_cast<double>(spec.context + spec.position_offset);
  parameters += width * static_cast<double>(spec.token_types);
  if (spec.head == HeadKind::masked || spec.head == HeadKind::classifier) parameters += width * width;
  if (spec.pooler) parameters += width * width;
  int64_t experts = 0;
  for (const auto& [prefix, block_of] : all_blocks(spec)) {
    const BlockSpec& block = *block_of;
    if (block.cross_attention) parameters += rough_parameters(width, *block.cross_attention);
    parameters += std::visit([&](const auto& mixer) { return rough_parameters(width, mixer); }, block.mixer);
    parameters += std::visit([&](const auto& ffn) { return rough_parameters(width, ffn); }, block.ffn);
    if (const MoeSpec* moe = moe_of(block)) experts += moe->experts();
  }
  if (!(parameters <= max_parameters))
    throw Error({.where = where,
                 .found = fmt::format("about {:.0e} parameters", parameters),
                 .expected = fmt::format("at most {:.0e}", max_parameters)});
  if (experts > max_experts_in_model)
    throw Error({.where = where,
                 .found = fmt::format("{} experts", experts),
                 .expected = fmt::format("at most {} in all", max_experts_in_model)});
}

// Collects the tensors of one model.
class Collector {
 public:
  explicit Collector(const ModelSpec& spec) : spec_(spec) {}

  std::vector<TensorSpec> collect() {
    add("model.embed_tokens.weight", {spec_.vocabulary, spec_.width});
    if (spec_.learned_positions)
      add("model.embed_positions.weight", {spec_.context + spec_.position_offset, spec_.width});
    if (spec_.token_types > 0) add("model.embed_token_types.weight", {spec_.token_types, spec_.width});
    if (spec_.embedding_norm) add_norm("model.embed_norm");
    if (const auto& words = spec_.routing_vocabulary)
      add("model.routing_vocabulary", {words->entries, words->longest}, true);
    if (spec_.encoder) add_stack("model.encoder.", spec_.encoder->blocks);
    add_stack("model.", spec_.blocks);
    if (spec_.pooler) add_linear("model.pooler", spec_.width, spec_.width, true);
    if (spec_.head == HeadKind::none) return std::move(tensors_);
    if (spec_.head == HeadKind::classifier) {
      add_linear("classifier.dense", spec_.width, spec_.width, spec_.head_dense_bias);
      if (spec_.head_norm) add_norm("classifier.norm");
      add_linear("classifier", spec_.labels, spec_.width, spec_.head_bias);
      return std::move(tensors_);
    }
    if (spec_.head == HeadKind::masked) {
      add_linear("lm_head.dense", spec_.width, spec_.width, spec_.head_dense_bias);
      add_norm("lm_head.norm");
    }
    if (!spec_.tied_embeddings) add("lm_head.weight", {spec_.vocabulary, spec_.width});
    if (spec_.head_bias) add("lm_head.bias", {spec_.vocabulary});
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, std::vector<int64_t> shape, bool integer = false) {
    tensors_.push_back({prefix_ + name, std::move(shape), integer});
  }

  void add_stack(const std::string& prefix, const std::vector<BlockSpec>& blocks) {
    for (size_t i = 0; i < blocks.size(); ++i) {
      prefix_ = fmt::format("{}layers.{}.", prefix, i);
      const NormNames norms = norm_names(blocks[i].norms);
      if (blocks[i].mixer_norm) add_norm(norms.mixer);
      std::visit([this](const auto& mixer) { add_mixer(mixer); }, blocks[i].mixer);
      if (!norms.mixer_output.empty()) add_norm(norms.mixer_output);
      if (has_bias_table(blocks[i], i)) add_bias_table(std::get<AttentionSpec>(blocks[i].mixer));
      if (const auto& cross = blocks[i].cross_attention) {
        add_norm("cross_attention_layernorm");
        add_projections("cross_attn.", *cross);
      }
      if (!norms.ffn.empty()) add_norm(norms.ffn);
      std::visit([this](const auto& ffn) { add_ffn(ffn); }, blocks[i].ffn);
      if (!norms.ffn_output.empty()) add_norm(norms.ffn_output);
    }
    prefix_.clear();
    if (spec_.final_norm) add_norm(prefix + "norm");
  }

  void add_bias_table(const AttentionSpec& a) {
    add("self_attn.relative_bias.weight", {a.relative_bias.buckets, a.heads});
  }

  void add_norm(const std::string& name) {
    add(name + ".weight", {spec_.width});
    if (spec_.norm == NormKind::layer && spec_.norm_bias) add(name + ".bias", {spec_.width});
  }

  void add_linear(const std::string& name, int64_t out, int64_t in, bool bias) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  }

  void add_bank(const std::string& name, int64_t width, bool gated, bool bias) {
    if (gated) add_linear(name + ".gate_proj", width, spec_.width, bias);
    add_linear(name + ".up_proj", width, spec_.width, bias);
    add_linear(name + ".down_proj", spec_.width, width, bias);
  }

  void add_projections(const std::string& name, const AttentionSpec& a) {
    add_linear(name + "q_proj", a.heads * a.head_dim, spec_.width, a.qkv_bias);
    add_linear(name + "k_proj", a.kv_heads * a.head_dim, spec_.width, a.qkv_bias);
    add_linear(name + "v_proj", a.kv_heads * a.head_dim, spec_.width, a.qkv_bias);
    add_linear(name + "o_proj", spec_.width, a.heads * a.head_dim, a.output_bias);
  }

  void add_mixer(const AttentionSpec& a) {
    add_projections("self_attn.", a);
    if (a.qk_norm != QkNorm::none) {
      const bool whole = a.qk_norm == QkNorm::projection;
      add("self_attn.q_norm.weight", {whole ? a.heads * a.head_dim : a.head_dim});
      add("self_attn.k_norm.weight", {whole ? a.kv_heads * a.head_dim : a.head_dim});
    }
    if (a.gate != AttentionGate::none)
      add("self_attn.gate_proj.weight",
          {a.gate == AttentionGate::head ? a.heads : a.heads * a.head_dim, spec_.width});
  }

  void add_mixer(const ShortConvSpec& conv) {
    add_linear("conv.in_proj", 3 * spec_.width, spec_.width, conv.bias);
    add("conv.conv.weight", {spec_.width, 1, conv.kernel_size});
    if (conv.bias) add("conv.conv.bias", {spec_.width});
    add_linear("conv.out_proj", spec_.width, spec_.width, conv.bias);
  }

  void add_mixer(const LatentAttentionSpec& a) {
    const int64_t queries = a.heads * a.query_dim();
    if (a.query_rank > 0) {
      add_linear("self_attn.q_a_proj", a.query_rank, spec_.width, a.bias);
      add("self_attn.q_a_layernorm.weight", {a.query_rank});
      add("self_attn.q_b_proj.weight", {queries, a.query_rank});
    } else {
      add("self_attn.q_proj.weight", {queries, spec_.width});
    }
    add_linear("self_attn.kv_a_proj_with_mqa", a.latent_rank + a.rotary_dim, spec_.width, a.bias);
    add("self_attn.kv_a_layernorm.weight", {a.latent_rank});
    add("self_attn.kv_b_proj.weight", {a.heads * (a.plain_dim + a.value_dim), a.latent_rank});
    add_linear("self_attn.o_proj", spec_.width, a.heads * a.value_dim, a.bias);
  }

  void add_ffn(const DenseFfnSpec& ffn) { add_bank("mlp", ffn.width, ffn.gated, ffn.bias); }

  void add_ffn(const MoeSpec& moe) {
    const int64_t experts = moe.experts();
    switch (moe.router.source) {
      case RouterSource::linear:
        add("mlp.gate.weight", {experts, spec_.width});
        break;
      case RouterSource::mlp_tanh:
        add("mlp.gate.hidden.weight", {experts, spec_.width});
        add("mlp.gate.output.weight", {experts, experts});
        break;
      case RouterSource::neurons:
        add("mlp.gate.gate.weight", {experts, spec_.width});
        add("mlp.gate.up.weight", {experts, spec_.width});
        break;
      case RouterSource::sparsity:
      case RouterSource::word:
        break;
    }
    if (moe.router.score == RouterScore::relu_norm) add("mlp.gate.norm.weight", {experts});
    if (has_expert_scale(moe.router)) add("mlp.gate.scale", {experts});
    if (moe.router.selection_bias) add("mlp.gate.selection_bias", {experts});
    if (moe.storage == ExpertStorage::indexed) add_bank("mlp", moe.dense_width, moe.gated, false);
    for (int64_t e = 0; e < experts; ++e) {
      if (moe.storage == ExpertStorage::indexed)
        add(fmt::format("mlp.expert_neurons.{}", e), {moe.widths[e]}, true);
      else
        add_bank(fmt::format("mlp.experts.{}", e), moe.widths[e], moe.gated, false);
    }
    if (moe.shared_width > 0) add_bank("mlp.shared_expert", moe.shared_width, moe.gated, false);
    if (moe.shared_gate) add("mlp.shared_expert_gate.weight", {1, spec_.width});
  }

  const ModelSpec& spec_;
  std::string prefix_;
  std::vector<TensorSpec> tensors_;
};

int64_t bank_parameters(int64_t model_width, int64_t width, bool gated) {
  return (gated ? 3 : 2) * model_width * width;
}

int64_t widest(std::vector<int64_t> widths, int64_t count) {
  std::sort(widths.begin(), widths.end(), std::greater<>());
  return std::accumulate(widths.begin(), widths.begin() + count, int64_t{0});
}

// Total and active FFN weights of a block, routers left out.
std::pair<int64_t, int64_t> ffn_parameters(int64_t width, const DenseFfnSpec& ffn) {
  const int64_t count = bank_parameters(width, ffn.width, ffn.gated);
  return {count, count};
}

std::pair<int64_t, int64_t> ffn_parameters(int64_t width, const MoeSpec& moe) {
  const int64_t all = moe.storage == ExpertStorage::indexed
                          ? moe.dense_width
                          : std::accumulate(moe.widths.begin(), moe.widths.end(), int64_t{0});
  const int64_t used = std::min(all, widest(moe.widths, moe.top_k));
  return {bank_parameters(width, all + moe.shared_width, moe.gated),
          bank_parameters(width, used + moe.shared_width, moe.gated)};
}

}  // namespace

void validate(const ModelSpec& spec, const std::string& where) {
  if (spec.blocks.empty()) throw Error({.where = where, .found = "no blocks", .expected = "at least one"});
  if (static_cast<int64_t>(spec.blocks.size()) > max_layers)
    throw Error({.where = where,
                 .found = fmt::format("{} blocks", spec.blocks.size()),
                 .expected = fmt::format("at most {}", max_layers)});
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const std::string block = fmt::format("{}: block {}", where, i);
    std::visit([&](const auto& mixer) { validate_mixer(mixer, block); }, spec.blocks[i].mixer);
    std::visit([&](const auto& ffn) { validate_ffn(ffn, block); }, spec.blocks[i].ffn);
    if (!spec.blocks[i].mixer_norm && spec.blocks[i].norms != NormPlacement::pre)
      throw Error(
          {.where = block,
           .found = fmt::format("no norm of the mixer, with norms '{}'", to_string(spec.blocks[i].norms)),
           .expected = "norms 'pre'"});
    validate_cross_attention(spec, spec.blocks[i], block);
  }
  validate_shared_bias(spec.blocks, where);
  validate_encoder(spec, where + ": encoder");
  validate_routing_vocabulary(spec, where);
  if (spec.head == HeadKind::none && (spec.tied_embeddings || spec.head_bias))
    throw Error({.where = where,
                 .found = spec.head_bias ? "a bias of the output head" : "a tied output head",
                 .expected = "an output head, or neither"});
  if (spec.head == HeadKind::classifier && (spec.tied_embeddings || spec.encoder))
    throw Error(
        {.where = where,
         .found = spec.encoder ? "a classifier on an encoder-decoder" : "a classifier tied to the embedding",
         .expected = "an encoder with matrices of its own for the labels"});
  const int64_t labels = spec.head == HeadKind::classifier ? spec.labels : 0;
  if (!spec.label_names.empty() && static_cast<int64_t>(spec.label_names.size()) != labels)
    throw Error({.where = where,
                 .found = fmt::format("{} names of labels", spec.label_names.size()),
                 .expected = fmt::format("none, or one for each of {} labels", labels)});
  validate_size(spec, where);
}

void validate(const MoeSpec& moe, const std::string& where) {
  validate_ffn(moe, where);
}

int64_t TensorSpec::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::vector<TensorSpec> tensor_table(const ModelSpec& spec) {
  return Collector(spec).collect();
}

ParameterCount count_parameters(const ModelSpec& spec) {
  ParameterCount count;
  for (const auto& tensor : tensor_table(spec))
    if (!tensor.integer) count.total += tensor.count();
  for (const auto& [prefix, block] : all_blocks(spec)) {
    const auto [total, active] =
        std::visit([&](const auto& ffn) { return ffn_parameters(spec.width, ffn); }, block->ffn);
    count.ffn_total += total;
    count.ffn_active += active;
  }
  count.active = count.total - count.ffn_total + count.ffn_active;
  return count;
}

int64_t logit_count(const ModelSpec& spec) {
  if (spec.head == HeadKind::none) return 0;
  return spec.head == HeadKind::classifier ? spec.labels : spec.vocabulary;
}

std::string label_name(const ModelSpec& spec, int64_t label) {
  return spec.label_names.empty() ? fmt::format("LABEL_{}", label)
                                  : spec.label_names.at(static_cast<size_t>(label));
}

bool is_causal(const ModelSpec& spec) {
  return std::ranges::none_of(spec.blocks, [](const BlockSpec& block) {
    const auto* attention = std::get_if<AttentionSpec>(&block.mixer);
    return attention != nullptr && !attention->causal;
  });
}

std::vector<NamedBlock> all_blocks(const ModelSpec& spec) {
  std::vector<NamedBlock> all;
  const auto add = [&all](const std::vector<BlockSpec>& blocks, const char* stack) {
    for (size_t i = 0; i < blocks.size(); ++i)
      all.push_back({fmt::format("{}layers.{}.", stack, i), &blocks[i]});
  };
  if (spec.encoder) add(spec.encoder->blocks, "model.encoder.");
  add(spec.blocks, "model.");
  return all;
}

bool has_bias_table(const BlockSpec& block, size_t index) {
  const auto* attention = std::get_if<AttentionSpec>(&block.mixer);
  return attention != nullptr && attention->relative_bias.buckets > 0 &&
         (index == 0 || !attention->relative_bias.shared);
}

const MoeSpec* moe_of(const BlockSpec& block) {
  return std::get_if<MoeSpec>(&block.ffn);
}
MoeSpec* moe_of(BlockSpec& block) {
  return std::get_if<MoeSpec>(&block.ffn);
}

}  // namespace coppice
