#pragma once
// ModelSpec: what a network is, shared by the runtime and the lab.
//
// A model is an embedding, a list of blocks and an output head. Each block says how its norms are placed, which
// sequence mixer it has and which feed-forward. Families (model/arch/) differ by values in it, never by branches on a
// name inside a forward pass. Every struct has one field visit, from which `model_type: coppice` directories are read
// and written (docs/formats.md).

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fields.h"
#include "model/module_activation.h"

namespace coppice {

enum class Activation { silu, gelu, gelu_tanh, relu, tanh };

template <>
struct EnumNames<Activation> {
  static constexpr auto values =
      std::to_array<std::pair<Activation, const char*>>({{Activation::silu, "silu"},
                                                         {Activation::gelu, "gelu"},
                                                         {Activation::gelu_tanh, "gelu_tanh"},
                                                         {Activation::relu, "relu"},
                                                         {Activation::tanh, "tanh"}});
};

// How rotary frequencies are stretched beyond the trained context.
enum class RopeScaling { none, linear, llama3, yarn, longrope };

template <>
struct EnumNames<RopeScaling> {
  static constexpr auto values =
      std::to_array<std::pair<RopeScaling, const char*>>({{RopeScaling::none, "none"},
                                                          {RopeScaling::linear, "linear"},
                                                          {RopeScaling::llama3, "llama3"},
                                                          {RopeScaling::yarn, "yarn"},
                                                          {RopeScaling::longrope, "longrope"}});
};

// Rotary position embedding (Su et al. 2021), half-split as Hugging Face stores it: of the `dim` elements that turn,
// element i pairs with i + dim/2; interleaved (DeepSeek), 2i with 2i + 1.
//
// YaRN (Peng et al. 2023) divides the frequencies that turn less than beta_slow times within the original context by
// `factor`, keeps those that turn more than beta_fast times, and blends those between by their index. With
// m(s) = 0.1 s ln(factor) + 1, or 1 for factors up to 1, cosines and sines are multiplied by m(mscale) / m(mscale_all_dim)
// and the scores of whole heads by m(mscale_all_dim)^2, as DeepSeek-V2 (2024) has it.
//
// LongRoPE (Ding et al. 2024) divides each frequency by a factor of its own, found by search, and multiplies cosines and
// sines by mscale.
struct RopeSpec {
  double theta = 10000;
  double fraction = 1;  // partial rotation (Phi): only the first int(fraction * head_dim) elements turn
  RopeScaling scaling = RopeScaling::none;
  double factor = 1;
  double low_frequency_factor = 1, high_frequency_factor = 4;  // llama3
  int64_t original_context = 8192;                             // llama3, yarn
  double beta_fast = 32, beta_slow = 1;                        // yarn
  double mscale = 1, mscale_all_dim = 0;                       // yarn; longrope: mscale
  std::vector<double> factors;                                 // longrope: one for each rotation plane
  bool interleaved = false;

  bool operator==(const RopeSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("theta", self.theta, {.help = "base of the rotation periods", .min = 0, .above_min = true});
    field("fraction", self.fraction,
          {.help = "share of a head that turns, its first elements; 0 = no rotation", .min = 0, .max = 1});
    field("scaling", self.scaling, {.help = "how frequencies are stretched beyond the trained context"});
    field("factor", self.factor, {.help = "stretch factor", .min = 0, .above_min = true});
    field(
        "low_frequency_factor", self.low_frequency_factor,
        {.help = "llama3: wavelengths beyond context/this are stretched fully", .min = 0, .above_min = true});
    field("high_frequency_factor", self.high_frequency_factor,
          {.help = "llama3: wavelengths below context/this are not stretched", .min = 0, .above_min = true});
    field("original_context", self.original_context,
          {.help = "llama3, yarn: context that the model was trained with", .min = 1});
    field("beta_fast", self.beta_fast,
          {.help = "yarn: what turns more often within the original context is kept",
           .min = 0,
           .above_min = true});
    field("beta_slow", self.beta_slow,
          {.help = "yarn: what turns less often within the original context is stretched fully",
           .min = 0,
           .above_min = true});
    field("mscale", self.mscale,
          {.help = "yarn: what turns is multiplied by m(mscale) / m(mscale_all_dim); longrope: by this",
           .min = 0});
    field("mscale_all_dim", self.mscale_all_dim,
          {.help = "yarn: scores are multiplied by m(mscale_all_dim)^2", .min = 0});
    field("factors", self.factors,
          {.help = "longrope: what each frequency is divided by", .min = 0, .above_min = true});
    field("interleaved", self.interleaved,
          {.help = "elements 2i and 2i + 1 turn together, instead of i and i + dim/2"});
  }
};

// How many elements of a head turn: int(fraction * head_dim).
int64_t rotary_width(const RopeSpec& rope, int64_t head_dim);

// The inverse period of each of the rotary_width/2 rotation planes, scaling applied.
std::vector<double> rope_frequencies(const RopeSpec& rope, int64_t head_dim);

// What cosines and sines are multiplied by, and what scores are multiplied by besides 1 / sqrt(head width); 1 but for
// YaRN and, the first, LongRoPE.
double rope_amplitude(const RopeSpec& rope);
double rope_score_scale(const RopeSpec& rope);

// A learned bias of each head's scores by the distance between key and query, in buckets (Raffel et al. 2020): half of
// them for single distances, the others growing logarithmically up to max_distance, beyond which all share the last.
// Attention that sees both ways has one half of the buckets for each direction.
struct RelativeBiasSpec {
  int64_t buckets = 0;  // 0: no bias
  int64_t max_distance = 128;
  bool shared = false;  // the blocks of a stack use the first block's table; else each has its own

  bool operator==(const RelativeBiasSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("buckets", self.buckets, {.help = "kinds of distances; 0 = no bias", .min = 0, .max = 65536});
    field("max_distance", self.max_distance,
          {.help = "distances from here on share the last bucket", .min = 1, .max = 1 << 30});
    field("shared", self.shared, {.help = "the blocks use the first block's table; else each has its own"});
  }
};

// The bucket of a key `offset` positions behind its query (before it: negative), as the published models compute it.
int64_t relative_bucket(const RelativeBiasSpec& bias, bool causal, int64_t offset);

// RMSNorm of queries and keys before they turn (Dehghani et al. 2023), with a weight per element of a head that all
// heads share (Qwen3), or over the whole projection at once (OLMo 2, OLMoE).
enum class QkNorm { none, head, projection };

template <>
struct EnumNames<QkNorm> {
  static constexpr auto values = std::to_array<std::pair<QkNorm, const char*>>(
      {{QkNorm::none, "none"}, {QkNorm::head, "head"}, {QkNorm::projection, "projection"}});
};

// Gated attention (Qiu et al. 2025): what the heads mixed is multiplied by sigmoid(W x), x the input of the attention,
// before the output projection: one gate per head, or one per element of each head.
enum class AttentionGate { none, head, element };

template <>
struct EnumNames<AttentionGate> {
  static constexpr auto values = std::to_array<std::pair<AttentionGate, const char*>>(
      {{AttentionGate::none, "none"}, {AttentionGate::head, "head"}, {AttentionGate::element, "element"}});
};

// Softmax attention with `heads` query heads sharing `kv_heads` key and value heads (GQA). With a window (Beltagy et al.
// 2020; Mistral), position t sees positions t - window + 1 to t. Attention that is not causal, an encoder's, sees as far
// ahead as back (to t + window - 1, or to the end), so that it works on whole sequences only.
struct AttentionSpec {
  static constexpr const char* kind = "attention";
  int64_t heads = 1, kv_heads = 1, head_dim = 64;
  bool qkv_bias = false, output_bias = false;
  std::optional<double> scale;  // of the scores; nothing: 1 / sqrt(head_dim)
  RopeSpec rope;
  RelativeBiasSpec relative_bias;
  QkNorm qk_norm = QkNorm::none;
  AttentionGate gate = AttentionGate::none;
  int64_t window = 0;  // 0: no window
  bool causal = true;

  bool operator==(const AttentionSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("heads", self.heads, {.help = "query heads", .min = 1, .max = 65536, .required = true});
    field("kv_heads", self.kv_heads,
          {.help = "key and value heads; divides heads", .min = 1, .max = 65536, .required = true});
    field("head_dim", self.head_dim, {.help = "width of a head", .min = 2, .max = 65536, .required = true});
    field("qkv_bias", self.qkv_bias, {.help = "query, key and value projections have biases"});
    field("output_bias", self.output_bias, {.help = "the output projection has a bias"});
    field("scale", self.scale, {.help = "multiplies scores; null = 1 / sqrt(head_dim)"});
    field("rope", self.rope, {.help = "rotary position embedding"});
    field("relative_bias", self.relative_bias, {.help = "learned bias of scores by distance"});
    field("qk_norm", self.qk_norm,
          {.help = "RMSNorm of queries and keys, per head or over the whole projection"});
    field("gate", self.gate, {.help = "sigmoid gates on what the heads mixed"});
    field("window", self.window,
          {.help = "positions that a token sees, itself included; 0 = all", .min = 0, .max = 1 << 30});
    field("causal", self.causal, {.help = "a token sees no later ones; else as far ahead as back"});
  }
};

// Gated short convolution (LFM2, Liquid AI 2025): b, c, u = the thirds of in_proj(x); y = out_proj(c * v), v the causal
// depthwise convolution of b * u with a kernel of kernel_size positions, the last of them the token's own.
struct ShortConvSpec {
  static constexpr const char* kind = "short_conv";
  int64_t kernel_size = 3;
  bool bias = false;

  bool operator==(const ShortConvSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("kernel_size", self.kernel_size,
          {.help = "positions under the kernel, the token's own included",
           .min = 1,
           .max = 65536,
           .required = true});
    field("bias", self.bias, {.help = "projections and convolution have biases"});
  }
};

// Multi-head latent attention (DeepSeek-V2, 2024). A token's keys and values are c = norm(W_c x), `latent_rank` wide and
// shared by all heads, and r = rope(W_r x), `rotary_dim` wide; these alone are cached. Head h has keys (K_h c, r), values
// V_h c and queries (a, rope(b)), where (a, b) is a projection of x, or of norm(W x) of `query_rank` elements. Causal.
struct LatentAttentionSpec {
  static constexpr const char* kind = "latent_attention";
  int64_t heads = 1;
  int64_t query_rank = 0;  // 0: queries are projected from the input itself
  int64_t latent_rank = 64, plain_dim = 32, rotary_dim = 32, value_dim = 32;
  bool bias = false;
  RopeSpec rope;  // of rotary_dim elements
  double norm_epsilon = 1e-6;

  int64_t query_dim() const { return plain_dim + rotary_dim; }
  bool operator==(const LatentAttentionSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("heads", self.heads, {.help = "heads", .min = 1, .max = 65536, .required = true});
    field("query_rank", self.query_rank,
          {.help = "width of the compressed queries; 0 = not compressed", .min = 0, .max = 1 << 20});
    field("latent_rank", self.latent_rank,
          {.help = "width of the compressed keys and values", .min = 1, .max = 1 << 20, .required = true});
    field("plain_dim", self.plain_dim,
          {.help = "elements of a head's queries and keys that do not turn",
           .min = 1,
           .max = 65536,
           .required = true});
    field("rotary_dim", self.rotary_dim,
          {.help = "elements of a head's queries, and of the keys that all heads share, that turn",
           .min = 2,
           .max = 65536,
           .required = true});
    field("value_dim", self.value_dim,
          {.help = "width of a head's values", .min = 1, .max = 65536, .required = true});
    field("bias", self.bias, {.help = "the compressions and the output projection have biases"});
    field("rope", self.rope, {.help = "rotary position embedding"});
    field("norm_epsilon", self.norm_epsilon,
          {.help = "of the norms of the compressed queries, keys and values", .min = 0});
  }
};

using MixerSpec = std::variant<AttentionSpec, LatentAttentionSpec, ShortConvSpec>;

// down(act(gate x) * up x) when gated, else down(act(up x)).
struct DenseFfnSpec {
  static constexpr const char* kind = "dense";
  int64_t width = 0;
  bool gated = true, bias = false;
  Activation activation = Activation::silu;

  bool operator==(const DenseFfnSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("width", self.width, {.help = "hidden neurons", .min = 0, .max = 1 << 24, .required = true});
    field("gated", self.gated, {.help = "has a gate projection (SwiGLU and kin)"});
    field("bias", self.bias, {.help = "projections have biases"});
    field("activation", self.activation, {.help = "nonlinearity"});
  }
};

// A router works in stages: source -> score -> selection -> weight of each selected expert.
enum class RouterSource {
  linear,    // logits = W x
  mlp_tanh,  // logits = W2 tanh(W1 x), LLaMA-MoE's gate
  neurons,   // logits = |(U x) * act(G x)|, CMoE's representative neurons: rows of U and G, one per expert
  sparsity,  // logits = -p, the share of an expert's neurons that will fire (MoE-X): with the mean m and the variance s of
  // each column of its up projection, p = (1 + erf(m.x / sqrt(2 s.x^2))) / 2; no weights of its own
  word,  // the one expert of the token's routing id (text/routing_vocabulary.h), whatever x is: no logits, no weights (MoWE)
};
enum class RouterScore {
  softmax,
  sigmoid,
  relu_norm,  // r / sqrt(mean(r^2) + norm_epsilon) * g with r = relu(logits) and a learned g_e (BlockFFN): what is 0
              // stays 0, and an expert of weight 0 is not computed
  none,
};
enum class ExpertWeight {
  score,         // as scored
  renormalised,  // divided by the sum over the selected; 0 if that sum is 0
  one,           // every selected expert counts fully
  one_plus,      // 1 + score * u_e with a learned u (CMoE)
  scaled,        // score * u_e with a learned u (Pangu Pro MoE)
  survivors,  // one after the other, best first: the share of its score s in a softmax over those experts, not taken
              // before it, whose score z has (s - z) / max(|z|, s) <= 2 jitter (GRIN when it does not train)
};
// Experts may lie in groups, equally many consecutive ones in each, that take part in the selection.
enum class GroupRule {
  none,      // the best top_k of all
  best,      // the best top_k within the kept_groups whose best expert is best (DeepSeek-V2)
  best_two,  // the same, by the sum of a group's two best (DeepSeek-V3)
  each,      // the best top_k / groups of every group (Pangu Pro MoE)
};

template <>
struct EnumNames<RouterSource> {
  static constexpr auto values =
      std::to_array<std::pair<RouterSource, const char*>>({{RouterSource::linear, "linear"},
                                                           {RouterSource::mlp_tanh, "mlp_tanh"},
                                                           {RouterSource::neurons, "neurons"},
                                                           {RouterSource::sparsity, "sparsity"},
                                                           {RouterSource::word, "word"}});
};
template <>
struct EnumNames<RouterScore> {
  static constexpr auto values =
      std::to_array<std::pair<RouterScore, const char*>>({{RouterScore::softmax, "softmax"},
                                                          {RouterScore::sigmoid, "sigmoid"},
                                                          {RouterScore::relu_norm, "relu_norm"},
                                                          {RouterScore::none, "none"}});
};
template <>
struct EnumNames<ExpertWeight> {
  static constexpr auto values =
      std::to_array<std::pair<ExpertWeight, const char*>>({{ExpertWeight::score, "score"},
                                                           {ExpertWeight::renormalised, "renormalised"},
                                                           {ExpertWeight::one, "one"},
                                                           {ExpertWeight::one_plus, "one_plus"},
                                                           {ExpertWeight::scaled, "scaled"},
                                                           {ExpertWeight::survivors, "survivors"}});
};
template <>
struct EnumNames<GroupRule> {
  static constexpr auto values =
      std::to_array<std::pair<GroupRule, const char*>>({{GroupRule::none, "none"},
                                                        {GroupRule::best, "best"},
                                                        {GroupRule::best_two, "best_two"},
                                                        {GroupRule::each, "each"}});
};

// Consecutive routing ids, dealt out in turn to consecutive experts: with n experts the i-th id belongs to the (i mod n)-th.
struct WordBlock {
  int64_t words = 1, experts = 1;

  bool operator==(const WordBlock&) const = default;
  static void fields(auto& self, auto&& field) {
    field("words", self.words,
          {.help = "routing ids, from where the block before ended",
           .min = 1,
           .max = 1 << 24,
           .required = true});
    field("experts", self.experts,
          {.help = "experts, from where the block before ended; at most one for each id",
           .min = 1,
           .max = 1 << 17,
           .required = true});
  }
};

// Selection takes the top_k experts by score + selection bias, in the groups that the rule of groups allows; of equal
// ones, experts or groups, the lower index.
struct RouterSpec {
  RouterSource source = RouterSource::linear;
  RouterScore score = RouterScore::softmax;
  ExpertWeight weight = ExpertWeight::renormalised;
  bool selection_bias = false;  // a bias that steers selection but not weights (loss-free balancing)
  double scale = 1;             // multiplies every weight (LLaMA-MoE's E/k, DeepSeek's routed_scaling_factor)
  double sum_epsilon = 0;       // added to the sum that renormalised weights are divided by (LFM2-MoE: 1e-6)
  GroupRule group_rule = GroupRule::none;
  int64_t groups = 1, kept_groups = 1;
  double norm_epsilon = 1e-6;  // relu_norm
  double jitter = 0.01;        // survivors
  std::vector<WordBlock>
      word_blocks;  // word: all ids and all experts; the first block is the unknown id alone

  bool operator==(const RouterSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("source", self.source, {.help = "where logits come from"});
    field("score", self.score, {.help = "what turns logits into scores, over all experts"});
    field("weight", self.weight, {.help = "weight of a selected expert's output"});
    field("selection_bias", self.selection_bias,
          {.help = "a learned bias is added to scores for selection only"});
    field("scale", self.scale, {.help = "multiplies every weight"});
    field("sum_epsilon", self.sum_epsilon,
          {.help = "renormalised: added to the sum over the selected", .min = 0, .max = 1});
    field("group_rule", self.group_rule, {.help = "what part groups of experts have in the selection"});
    field("groups", self.groups,
          {.help = "groups of experts, equally many consecutive ones in each", .min = 1, .max = 1 << 17});
    field("kept_groups", self.kept_groups,
          {.help = "best, best_two: groups that experts are selected from", .min = 1, .max = 1 << 17});
    field("norm_epsilon", self.norm_epsilon,
          {.help = "relu_norm: added to the mean square", .min = 0, .above_min = true});
    field("jitter", self.jitter,
          {.help = "survivors: half the relative distance from the best that survives", .min = 0});
    field("word_blocks", self.word_blocks,
          {.help = "word: blocks of routing ids and of the experts that they belong to"});
  }
};

// Added to the variances from which a router by expected sparsity computes.
inline constexpr float sparsity_least_variance = 1e-12f;

// Whether there is a learned number per expert (mlp.gate.scale).
inline bool has_expert_scale(const RouterSpec& router) {
  return router.weight == ExpertWeight::one_plus || router.weight == ExpertWeight::scaled;
}

// Where the experts' weights lie.
enum class ExpertStorage {
  separate,  // each expert has its own matrices
  indexed,   // experts are lists of neurons of one dense FFN; lists may overlap, nothing is stored twice
};
template <>
struct EnumNames<ExpertStorage> {
  static constexpr auto values = std::to_array<std::pair<ExpertStorage, const char*>>(
      {{ExpertStorage::separate, "separate"}, {ExpertStorage::indexed, "indexed"}});
};

// y = shared(x) + sum over selected experts of weight * expert(x); experts are FFNs of own width. With a shared gate,
// shared(x) is multiplied by sigmoid(w . x) (Qwen2-MoE).
struct MoeSpec {
  static constexpr const char* kind = "moe";
  std::vector<int64_t> widths;  // hidden neurons of each expert
  int64_t top_k = 1;
  RouterSpec router;
  ExpertStorage storage = ExpertStorage::separate;
  int64_t dense_width = 0;   // indexed: neurons of the dense FFN that the lists point into
  int64_t shared_width = 0;  // an always-active expert; 0 = none
  bool shared_gate = false;
  bool gated = true;
  Activation activation = Activation::silu;

  int64_t experts() const { return static_cast<int64_t>(widths.size()); }
  bool operator==(const MoeSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("widths", self.widths,
          {.help = "hidden neurons of each expert", .min = 0, .max = 1 << 24, .required = true});
    field("top_k", self.top_k, {.help = "experts active for a token", .min = 1, .required = true});
    field("router", self.router, {.help = "how experts are chosen and weighted"});
    field("storage", self.storage, {.help = "where the experts' weights lie"});
    field("dense_width", self.dense_width,
          {.help = "indexed storage: neurons of the dense FFN", .min = 0, .max = 1 << 24});
    field("shared_width", self.shared_width,
          {.help = "hidden neurons of the always-active expert; 0 = none", .min = 0, .max = 1 << 24});
    field("shared_gate", self.shared_gate,
          {.help = "the always-active expert is weighted by a sigmoid gate"});
    field("gated", self.gated, {.help = "experts have a gate projection"});
    field("activation", self.activation, {.help = "nonlinearity"});
  }
};

using FfnSpec = std::variant<DenseFfnSpec, MoeSpec>;

// Where a block's norms stand.
enum class NormPlacement {
  pre,       // x += mixer(norm(x)); x += ffn(norm(x))
  post,      // x += norm(mixer(x)); x += norm(ffn(x)), inside the residual branch (OLMo 2)
  parallel,  // n = norm(x); x += mixer(n) + ffn(n), with one norm (Phi)
  post_sum,  // x = norm(x + mixer(x)); x = norm(x + ffn(x)), behind the residual sum (the first transformer, BERT)
  sandwich,  // x += norm(mixer(norm(x))); x += norm(ffn(norm(x))), four norms (Ding et al. 2021; Pangu Ultra)
};

template <>
struct EnumNames<NormPlacement> {
  static constexpr auto values =
      std::to_array<std::pair<NormPlacement, const char*>>({{NormPlacement::pre, "pre"},
                                                            {NormPlacement::post, "post"},
                                                            {NormPlacement::parallel, "parallel"},
                                                            {NormPlacement::post_sum, "post_sum"},
                                                            {NormPlacement::sandwich, "sandwich"}});
};

// What tensor_table calls the norms of a block's mixer and of its FFN, and the second norms behind them; empty if there
// is none.
struct NormNames {
  std::string mixer, ffn, mixer_output = {}, ffn_output = {};
};
NormNames norm_names(NormPlacement placement);

// With cross-attention (Vaswani et al. 2017), queries from the block see the keys and values of the encoder's output:
// x += cross_attention(norm(x)) between mixer and feed-forward.
struct BlockSpec {
  MixerSpec mixer;
  FfnSpec ffn;
  NormPlacement norms = NormPlacement::pre;
  bool mixer_norm =
      true;  // with norms `pre`: there is one before the mixer (not in ModernBERT's first block)
  std::optional<AttentionSpec> cross_attention;

  bool operator==(const BlockSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("mixer", self.mixer, {.help = "sequence mixer", .required = true});
    field("ffn", self.ffn, {.help = "feed-forward", .required = true});
    field("norms", self.norms, {.help = "where the norms stand"});
    field("mixer_norm", self.mixer_norm, {.help = "norms `pre`: there is one before the mixer"});
    field("cross_attention", self.cross_attention,
          {.help = "attention to the encoder's output; null = none"});
  }
};

enum class NormKind {
  rms,    // x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich 2019)
  layer,  // (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias (Ba et al. 2016)
};

template <>
struct EnumNames<NormKind> {
  static constexpr auto values =
      std::to_array<std::pair<NormKind, const char*>>({{NormKind::rms, "rms"}, {NormKind::layer, "layer"}});
};

// What makes predictions out of the last hidden states.
enum class HeadKind {
  linear,      // logits = W x + b
  masked,      // logits = W norm(act(D x + d)) + b: predicts tokens that were masked (BERT)
  classifier,  // the same of one vector for the whole text, with or without the norm: a logit for each label
  none,        // nothing: a body whose hidden states are wanted
};

template <>
struct EnumNames<HeadKind> {
  static constexpr auto values =
      std::to_array<std::pair<HeadKind, const char*>>({{HeadKind::linear, "linear"},
                                                       {HeadKind::masked, "masked"},
                                                       {HeadKind::classifier, "classifier"},
                                                       {HeadKind::none, "none"}});
};

// The vector of a text that a classifier sees: the hidden state of its first token, or the mean of all.
enum class HeadPooling { first, mean };

template <>
struct EnumNames<HeadPooling> {
  static constexpr auto values = std::to_array<std::pair<HeadPooling, const char*>>(
      {{HeadPooling::first, "first"}, {HeadPooling::mean, "mean"}});
};

// The encoder of an encoder-decoder: tokens of its own sequence, the model's embedding, blocks that see both ways, and
// a final norm. Its output is what cross-attention reads.
struct EncoderSpec {
  std::vector<BlockSpec> blocks;

  bool operator==(const EncoderSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("blocks", self.blocks, {.help = "the encoder's blocks, from input to output", .required = true});
  }
};

// The table of words by which experts are chosen (text/routing_vocabulary.h).
struct RoutingVocabularySpec {
  int64_t entries = 1, longest = 1;

  bool operator==(const RoutingVocabularySpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("entries", self.entries,
          {.help = "routing ids, the unknown one included", .min = 1, .max = 1 << 24, .required = true});
    field("longest", self.longest,
          {.help = "tokens of the longest entry", .min = 1, .max = 64, .required = true});
  }
};

struct ModelSpec {
  std::string family = "coppice";  // name in the registry of families (model/arch/families.h)
  int64_t vocabulary = 0, width = 0, context = 0;
  bool learned_positions =
      false;  // a learned vector of the token's position is added to its embedding (GPT-2)
  int64_t position_offset =
      0;  // position p has row p + position_offset; the rows before are not used (OPT: 2)
  int64_t token_types =
      0;  // learned vectors of a text's number in a pair, added to the embedding (BERT); 0: none
  bool embedding_norm = false;  // a norm before the first block
  bool final_norm = true;       // a norm behind the last block
  HeadKind head = HeadKind::linear;
  Activation head_activation = Activation::gelu;  // of a masked head or a classifier
  bool head_dense_bias = true;                    // d of a masked head or a classifier
  int64_t labels = 1;                             // of a classifier
  std::vector<std::string> label_names;           // of all labels; empty: nobody has named them
  ModuleActivation score_activation = ModuleActivation::sigmoid;  // of a classifier with one label
  HeadPooling head_pooling = HeadPooling::first;                  // of a classifier
  bool head_norm = false;                                         // a classifier has a norm
  bool pooler = false;           // tanh(W x + b) of the first token's hidden state stands for the text (BERT)
  bool tied_embeddings = false;  // the output head is the embedding matrix
  bool head_bias = false;        // the output head has a bias
  NormKind norm = NormKind::rms;  // of all norms but those of queries and keys
  bool norm_bias = true;          // LayerNorms have biases
  double norm_epsilon = 1e-5;
  double logit_scale = 1;      // multiplies what enters the output head
  double embedding_scale = 1;  // multiplies embeddings (MiniCPM)
  double residual_scale = 1;  // multiplies what mixers and feed-forwards add to the residual stream (MiniCPM)
  std::optional<int64_t> bos_id;
  std::vector<int64_t> eos_ids;
  std::optional<int64_t> decoder_start_id;                  // what an encoder-decoder's output begins behind
  std::optional<RoutingVocabularySpec> routing_vocabulary;  // what routers by words look tokens up in
  std::optional<EncoderSpec> encoder;
  std::vector<BlockSpec> blocks;

  bool operator==(const ModelSpec&) const = default;
  static void fields(auto& self, auto&& field) {
    field("vocabulary", self.vocabulary,
          {.help = "rows of the embedding matrix", .min = 1, .max = 1 << 28, .required = true});
    field("width", self.width,
          {.help = "width of the residual stream", .min = 1, .max = 1 << 24, .required = true});
    field("context", self.context, {.help = "longest sequence", .min = 1, .max = 1 << 30, .required = true});
    field("tied_embeddings", self.tied_embeddings, {.help = "the output head is the embedding matrix"});
    field("head_bias", self.head_bias, {.help = "the output head has a bias"});
    field("learned_positions", self.learned_positions,
          {.help = "a learned vector of the position is added to the embedding"});
    field("position_offset", self.position_offset,
          {.help = "rows of the learned positions before that of position 0", .min = 0, .max = 65536});
    field("token_types", self.token_types,
          {.help = "learned vectors of a text's number in a pair, added to the embeddings of its tokens",
           .min = 0,
           .max = 65536});
    field("embedding_norm", self.embedding_norm, {.help = "there is a norm before the first block"});
    field("final_norm", self.final_norm, {.help = "there is a norm behind the last block"});
    field("head", self.head, {.help = "what makes predictions out of the last hidden states"});
    field("head_activation", self.head_activation, {.help = "nonlinearity of a masked head or a classifier"});
    field("head_dense_bias", self.head_dense_bias,
          {.help = "the dense layer of a masked head or a classifier has a bias"});
    field("labels", self.labels, {.help = "logits of a classifier", .min = 1, .max = 1 << 20});
    field("label_names", self.label_names, {.help = "names of all labels; empty: nobody has named them"});
    field("score_activation", self.score_activation,
          {.help = "makes the score of a text or a pair out of the logit of a classifier with one label"});
    field("head_pooling", self.head_pooling, {.help = "vector of a text that a classifier sees"});
    field("head_norm", self.head_norm, {.help = "a classifier has a norm behind its dense layer"});
    field("pooler", self.pooler,
          {.help = "a dense layer and tanh make a vector of the text out of its first token"});
    field("norm", self.norm, {.help = "kind of the norms: RMSNorm or LayerNorm"});
    field("norm_bias", self.norm_bias, {.help = "LayerNorms have biases"});
    field("norm_epsilon", self.norm_epsilon,
          {.help = "added to the mean square or variance inside norms", .min = 0});
    field("logit_scale", self.logit_scale,
          {.help = "multiplies what enters the output head", .min = 0, .above_min = true});
    field("embedding_scale", self.embedding_scale,
          {.help = "multiplies the embeddings of tokens", .min = 0, .above_min = true});
    field("residual_scale", self.residual_scale,
          {.help = "multiplies what mixers, cross-attention and feed-forwards add to the residual stream",
           .min = 0,
           .above_min = true});
    field("bos_id", self.bos_id, {.help = "token that begins a sequence", .min = 0});
    field("eos_ids", self.eos_ids, {.help = "tokens that end a sequence", .min = 0});
    field("decoder_start_id", self.decoder_start_id,
          {.help = "token that an encoder-decoder's output begins behind", .min = 0});
    field(
        "routing_vocabulary", self.routing_vocabulary,
        {.help =
             "words, as sequences of tokens, that routers of source `word` choose experts by; null = none"});
    field("encoder", self.encoder, {.help = "the encoder that cross-attention reads; null = none"});
    field("blocks", self.blocks, {.help = "the blocks, from input to output", .required = true});
  }
};

// Limits that no known model comes near, so that a wrong number is an Error before it is an allocation.
inline constexpr int64_t max_layers = 10'000;
inline constexpr int64_t max_experts_in_model = int64_t{1} << 17;
inline constexpr double max_parameters = 1e16;

// Throws an Error naming `where` unless the numbers fit each other (kv_heads divides heads, top_k <= experts, …).
void validate(const ModelSpec& spec, const std::string& where);
void validate(const MoeSpec& moe, const std::string& where);

// One weight of a model: its canonical name, which is the Hugging Face Llama name, and its shape (out, in).
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  bool integer = false;  // int32 neuron lists and words; everything else is floating point

  int64_t count() const;
};

// Every tensor that a model of this spec has, in order: embedding, blocks, final norm, head.
//   model.embed_tokens.weight, model.embed_positions.weight (learned positions; context + position_offset rows),
//   model.embed_token_types.weight, model.embed_norm.weight, model.norm.weight, model.pooler.{weight,bias},
//   model.routing_vocabulary (entries, longest): int32, the table of words,
//   lm_head.dense.{weight,bias} and lm_head.norm.weight (masked head), lm_head.weight (unless tied or none), lm_head.bias,
//   classifier.dense.{weight,bias}, classifier.norm.weight, classifier.{weight,bias} (classifier; (labels, width)),
//   and per block model.layers.N.
//     input_layernorm.weight, post_attention_layernorm.weight       norms before mixer and FFN; parallel: the first only
//     post_attention_layernorm.weight, post_feedforward_layernorm.weight   norms placed after them; all these norms
//                                                            have a .bias too if they are LayerNorms with bias
//     self_attn.{q,k,v,o}_proj.{weight,bias}
//     self_attn.{q,k}_norm.weight                                   (head_dim), or all heads' widths
//     self_attn.gate_proj.weight                                    (heads, width) or (heads * head_dim, width)
//     conv.{in,out}_proj.{weight,bias}                              short convolution: (3 width, width), (width, width)
//     conv.conv.{weight,bias}                                       (width, 1, kernel_size), (width)
//     self_attn.relative_bias.weight                                (buckets, heads); shared: of block 0 only
//     cross_attention_layernorm.weight, cross_attn.{q,k,v,o}_proj.{weight,bias}   with cross-attention
//     pre_feedforward_layernorm.weight                              sandwich: input_ before the mixer, post_attention_
//                                                                   behind it, pre_ and post_feedforward_ around the FFN
//     self_attn.q_a_proj.{weight,bias}, self_attn.q_a_layernorm.weight, self_attn.q_b_proj.weight
//                                                                   latent attention: (query_rank, width), (query_rank),
//                                                                   (heads * query_dim, query_rank); without query_rank
//                                                                   q_proj.weight (heads * query_dim, width) alone
//     self_attn.kv_a_proj_with_mqa.{weight,bias}                    (latent_rank + rotary_dim, width): W_c above W_r
//     self_attn.kv_a_layernorm.weight                               (latent_rank)
//     self_attn.kv_b_proj.weight                                    (heads * (plain_dim + value_dim), latent_rank): for
//                                                                   each head K_h above V_h
//     self_attn.o_proj.{weight,bias}                                (width, heads * value_dim)
//     mlp.{gate,up,down}_proj.{weight,bias}                         dense, and the dense bank of indexed experts
//     mlp.experts.E.{gate,up,down}_proj.weight                      separate experts
//     mlp.expert_neurons.E                                          indexed experts: int32, ascending
//     mlp.shared_expert.{gate,up,down}_proj.weight, mlp.shared_expert_gate.weight (1, width)
//     mlp.gate.weight                                               linear router (E, width)
//     mlp.gate.{hidden,output}.weight                               mlp_tanh router (E, width), (E, E)
//     mlp.gate.{up,gate}.weight                                     neurons router (E, width) each
//     mlp.gate.scale                                                one_plus and scaled weights (E)
//     mlp.gate.norm.weight                                          relu_norm scores (E)
//     mlp.gate.selection_bias                                       (E)
// An encoder has model.encoder.layers.N.… and model.encoder.norm.weight, named alike.
std::vector<TensorSpec> tensor_table(const ModelSpec& spec);

// Parameters of the whole model, and those that one token uses: all but the experts that are not selected and, for
// a token, the embedding rows of other tokens are still counted (as is usual). Indexed experts share their bank, so
// `total` counts it once and `active` counts the shared part plus the top_k widest experts. ffn_* are the FFN parts.
struct ParameterCount {
  int64_t total = 0, active = 0;
  int64_t ffn_total = 0, ffn_active = 0;  // FFN weights alone, routers left out
};
ParameterCount count_parameters(const ModelSpec& spec);

// Numbers in a row of logits: one for each token of the vocabulary, of a classifier for each label; 0 without a head.
int64_t logit_count(const ModelSpec& spec);
// The name of a classifier's label; LABEL_0, as Transformers has it, where nobody has named them.
std::string label_name(const ModelSpec& spec, int64_t label);

// Whether no token sees later ones, so that sequences can grow token by token. Not so for an encoder.
bool is_causal(const ModelSpec& spec);

// The blocks of a model, with the beginning of their tensors' names: those of the encoder, if there is one, first.
struct NamedBlock {
  std::string prefix;  // "model.layers.0."
  const BlockSpec* block;
};
std::vector<NamedBlock> all_blocks(const ModelSpec& spec);

// Whether block `index` of its stack holds a table of relative biases: its own, or the one that all share.
bool has_bias_table(const BlockSpec& block, size_t index);

// The MoE part of a block, or nullptr.
const MoeSpec* moe_of(const BlockSpec& block);
MoeSpec* moe_of(BlockSpec& block);

}  // namespace coppice
