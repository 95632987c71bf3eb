#pragma once
// Random specs, valid by construction, and random weights for them.

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "format/safetensors.h"
#include "model/spec.h"
#include "random_word_router.h"
#include "text/random_words.h"

namespace coppice::test {

template <NamedEnum E>
E any_of(Rng& rng) {
  return EnumNames<E>::values[rng.below(EnumNames<E>::values.size())].first;
}

inline int64_t between(Rng& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
}

inline RopeSpec random_rope(Rng& rng) {
  RopeSpec rope{.theta = rng.uniform(100, 1e6), .scaling = any_of<RopeScaling>(rng)};
  if (rope.scaling == RopeScaling::yarn || rope.scaling == RopeScaling::longrope)
    rope.scaling = RopeScaling::none;
  if (rope.scaling != RopeScaling::none) rope.factor = rng.uniform(1, 16);
  if (rope.scaling == RopeScaling::llama3) {
    rope.low_frequency_factor = rng.uniform(0.5, 2);
    rope.high_frequency_factor = rope.low_frequency_factor + rng.uniform(0.1, 4);
    rope.original_context = between(rng, 16, 8192);
  }
  return rope;
}

// Of a kind that only some families have.
inline RopeSpec random_odd_rope(Rng& rng) {
  RopeSpec rope = random_rope(rng);
  rope.interleaved = rng.chance(0.5);
  if (!rng.chance(0.4)) return rope;
  rope = {.theta = rope.theta, .scaling = RopeScaling::yarn, .interleaved = rope.interleaved};
  rope.factor = rng.uniform(0.5, 40);
  rope.original_context = between(rng, 16, 8192);
  rope.beta_slow = rng.uniform(0.5, 4);
  rope.beta_fast = rope.beta_slow + rng.uniform(0, 30);
  rope.mscale = rng.uniform(0, 1.5);
  rope.mscale_all_dim = rng.chance(0.5) ? rng.uniform(0, 1.5) : 0;
  return rope;
}

inline AttentionSpec random_attention(Rng& rng) {
  AttentionSpec attention;
  attention.kv_heads = between(rng, 1, 3);
  attention.heads = attention.kv_heads * between(rng, 1, 3);
  attention.head_dim = 2 * between(rng, 1, 5);
  attention.qkv_bias = rng.chance(0.5);
  attention.output_bias = rng.chance(0.5);
  attention.rope = random_rope(rng);
  return attention;
}

// An attention that no published family has.
inline AttentionSpec random_odd_attention(Rng& rng) {
  AttentionSpec attention = random_attention(rng);
  attention.rope = random_odd_rope(rng);
  attention.qk_norm = any_of<QkNorm>(rng);
  attention.gate = any_of<AttentionGate>(rng);
  attention.window = rng.chance(0.5) ? between(rng, 1, 6) : 0;
  // A share that leaves an even number of elements: 0, or k / (head_dim / 2) of a head.
  const int64_t pairs = attention.head_dim / 2;
  attention.rope.fraction =
      (static_cast<double>(2 * between(rng, 0, pairs)) + 0.01) / static_cast<double>(attention.head_dim);
  attention.rope.fraction = std::min(1.0, attention.rope.fraction);
  return attention;
}

inline ShortConvSpec random_short_conv(Rng& rng) {
  return {.kernel_size = between(rng, 1, 5), .bias = rng.chance(0.5)};
}

inline LatentAttentionSpec random_latent(Rng& rng) {
  return {.heads = between(rng, 1, 6),
          .query_rank = rng.chance(0.5) ? between(rng, 1, 8) : 0,
          .latent_rank = between(rng, 1, 9),
          .plain_dim = between(rng, 1, 7),
          .rotary_dim = 2 * between(rng, 1, 4),
          .value_dim = between(rng, 1, 7),
          .bias = rng.chance(0.3),
          .rope = random_odd_rope(rng),
          .norm_epsilon = rng.uniform(1e-7, 1e-4)};
}

inline DenseFfnSpec random_dense(Rng& rng) {
  return {.width = between(rng, 1, 12),
          .gated = rng.chance(0.7),
          .bias = rng.chance(0.3),
          .activation = any_of<Activation>(rng)};
}

// Makes the experts as many as some groups of two or three have, and selects them by a rule of groups.
inline void draw_groups(MoeSpec& moe, Rng& rng) {
  RouterSpec& router = moe.router;
  const int64_t size = between(rng, 2, 3);
  router.group_rule = any_of<GroupRule>(rng);
  if (router.group_rule == GroupRule::none) return;
  router.groups = between(rng, 1, 3);
  moe.widths.resize(static_cast<size_t>(router.groups * size), moe.widths.front());
  if (router.group_rule == GroupRule::each) {
    moe.top_k = router.groups * between(rng, 1, size);
  } else {
    router.kept_groups = between(rng, 1, router.groups);
    moe.top_k = between(rng, 1, router.kept_groups * size);
  }
}

inline MoeSpec random_moe(Rng& rng) {
  MoeSpec moe;
  moe.storage = any_of<ExpertStorage>(rng);
  if (moe.storage == ExpertStorage::indexed) moe.dense_width = between(rng, 6, 16);
  for (int64_t e = between(rng, 1, 5); e > 0; --e)
    moe.widths.push_back(between(rng, 0, moe.dense_width > 0 ? moe.dense_width : 8));
  moe.top_k = between(rng, 1, moe.experts());
  moe.router = {.source = any_of<RouterSource>(rng),
                .score = any_of<RouterScore>(rng),
                .weight = any_of<ExpertWeight>(rng),
                .selection_bias = rng.chance(0.3),
                .scale = rng.uniform(0.5, 3),
                .sum_epsilon = rng.chance(0.3) ? rng.uniform(1e-6, 0.1) : 0};
  if (rng.chance(0.4)) draw_groups(moe, rng);
  moe.router.norm_epsilon = rng.uniform(1e-3, 1e-1);  // a small one magnifies rounding errors
  moe.router.jitter = rng.uniform(0, 0.5);
  // Their weights depend on the order of the scores, which others leave to rounding.
  if (moe.router.weight == ExpertWeight::survivors) {
    moe.router.source = RouterSource::linear;
    moe.router.score = RouterScore::none;
  }
  moe.shared_width = rng.chance(0.5) ? between(rng, 1, 6) : 0;
  moe.shared_gate = moe.shared_width > 0 && rng.chance(0.5);
  moe.gated = rng.chance(0.7);
  moe.activation = any_of<Activation>(rng);
  if (moe.router.source == RouterSource::sparsity) {
    moe.storage = ExpertStorage::separate;
    moe.dense_width = 0;
    moe.gated = false;
    moe.activation = Activation::relu;
    for (int64_t& width : moe.widths) width = std::max<int64_t>(width, 2);
  }
  if (moe.router.source == RouterSource::word) draw_word_router(moe, moe.experts(), rng);
  return moe;
}

// What encoders have and language models have not.
inline void draw_encoder_parts(ModelSpec& spec, Rng rng) {
  for (auto& block : spec.blocks) {
    if (auto* attention = std::get_if<AttentionSpec>(&block.mixer)) attention->causal = rng.chance(0.7);
    block.mixer_norm = block.norms != NormPlacement::pre || rng.chance(0.8);
  }
  spec.norm_bias = rng.chance(0.7);
  spec.token_types = rng.chance(0.3) ? between(rng, 1, 3) : 0;
  spec.embedding_norm = rng.chance(0.3);
  spec.final_norm = rng.chance(0.7);
  if (rng.chance(0.3)) {
    spec.head = HeadKind::masked;
    spec.head_activation = any_of<Activation>(rng);
    spec.head_dense_bias = rng.chance(0.5);
  }
  spec.pooler = rng.chance(0.2);
}

// A factor of its own for each plane that turns.
inline void set_longrope(RopeSpec& rope, int64_t head_dim, Rng& rng) {
  rope = {.theta = rope.theta,
          .fraction = rope.fraction,
          .scaling = RopeScaling::longrope,
          .mscale = rng.uniform(0.8, 1.3),
          .interleaved = rope.interleaved};
  for (int64_t plane = rotary_width(rope, head_dim) / 2; plane > 0; --plane)
    rope.factors.push_back(rng.uniform(1, 8));
}

// The words that routers by words choose by, if there are any: at least one for each expert.
inline void draw_words(ModelSpec& spec, Rng rng) {
  std::vector<MoeSpec*> mixtures;
  int64_t entries = 1;
  for (auto& block : spec.blocks)
    if (MoeSpec* moe = moe_of(block); moe != nullptr && moe->router.source == RouterSource::word) {
      mixtures.push_back(moe);
      if (moe->experts() == 1) moe->widths.push_back(3);  // one expert is for unknown words alone
      entries = std::max(entries, moe->experts());
    }
  if (mixtures.empty()) return;
  entries += between(rng, 0, 8);
  spec.routing_vocabulary = {.entries = entries, .longest = between(rng, 1, 3)};
  for (MoeSpec* moe : mixtures) draw_word_router(*moe, entries, rng);
}

// A model whose blocks each draw anew from all that a spec can say.
inline ModelSpec random_spec(Rng& rng) {
  ModelSpec spec{.vocabulary = between(rng, 3, 20),
                 .width = between(rng, 2, 12),
                 .context = between(rng, 4, 64),
                 .tied_embeddings = rng.chance(0.5),
                 .norm_epsilon = rng.uniform(1e-7, 1e-4)};
  spec.learned_positions = rng.chance(0.3);
  spec.position_offset = spec.learned_positions ? between(rng, 0, 3) : 0;
  spec.head_bias = rng.chance(0.3);
  spec.norm = any_of<NormKind>(rng);
  if (rng.chance(0.5)) spec.bos_id = between(rng, 0, 2);
  for (int64_t i = between(rng, 0, 3); i > 0; --i) spec.eos_ids.push_back(i);
  for (int64_t i = between(rng, 1, 4); i > 0; --i) {
    BlockSpec block{.mixer = random_odd_attention(rng), .ffn = random_dense(rng)};
    if (rng.chance(0.3)) block.mixer = random_short_conv(rng);
    block.norms = any_of<NormPlacement>(rng);
    if (rng.chance(0.3)) block.mixer = random_latent(rng);
    if (rng.chance(0.6)) block.ffn = random_moe(rng);
    spec.blocks.push_back(block);
  }
  draw_words(spec, rng.fork("words"));
  draw_encoder_parts(spec, rng.fork("encoder parts"));
  Rng scores = rng.fork("scores");
  if (scores.chance(0.3)) spec.logit_scale = scores.uniform(0.2, 2);
  if (scores.chance(0.3)) spec.embedding_scale = scores.uniform(0.2, 12);
  if (scores.chance(0.3)) spec.residual_scale = scores.uniform(0.2, 1.5);
  for (auto& block : spec.blocks) {
    auto* attention = std::get_if<AttentionSpec>(&block.mixer);
    if (attention == nullptr) continue;
    if (scores.chance(0.3)) attention->scale = scores.uniform(0.2, 2);
    if (scores.chance(0.3)) set_longrope(attention->rope, attention->head_dim, scores);
    if (scores.chance(0.5))
      attention->relative_bias = {.buckets = between(scores, 4, 9), .max_distance = between(scores, 6, 12)};
  }
  return spec;
}

// The sizes of a random model, with the norms and positions of Llama.
inline ModelSpec random_llama_frame(Rng& rng) {
  ModelSpec spec = random_spec(rng);
  spec.learned_positions = spec.head_bias = false;
  spec.position_offset = spec.token_types = 0;
  spec.routing_vocabulary.reset();
  spec.logit_scale = spec.embedding_scale = spec.residual_scale = 1;
  spec.norm = NormKind::rms;
  spec.embedding_norm = spec.pooler = false;
  spec.final_norm = spec.norm_bias = spec.head_dense_bias = true;
  spec.head = HeadKind::linear;
  spec.head_activation = Activation::gelu;
  return spec;
}

// A model that Hugging Face's Llama can hold.
inline ModelSpec random_llama_spec(Rng& rng) {
  ModelSpec spec = random_llama_frame(rng);
  AttentionSpec attention = random_attention(rng);
  attention.output_bias = attention.qkv_bias;
  DenseFfnSpec ffn = random_dense(rng);
  ffn.gated = true;
  spec.family = "llama";
  spec.blocks.assign(spec.blocks.size(), {attention, ffn});
  return spec;
}

// A model that Hugging Face's Mixtral can hold.
inline ModelSpec random_mixtral_spec(Rng& rng) {
  ModelSpec spec = random_llama_frame(rng);
  AttentionSpec attention = random_attention(rng);
  attention.output_bias = attention.qkv_bias = false;
  MoeSpec moe{.widths = std::vector<int64_t>(rng.below(4) + 1, between(rng, 1, 9)),
              .activation = any_of<Activation>(rng)};
  moe.top_k = between(rng, 1, moe.experts());
  spec.family = "mixtral";
  spec.blocks.assign(spec.blocks.size(), {attention, moe});
  return spec;
}

// Windows of one length on some layers.
inline void draw_windows(ModelSpec& spec, Rng& rng, bool all_layers) {
  if (spec.context < 2) return;
  const int64_t window = between(rng, 1, spec.context - 1);
  const bool all = rng.chance(0.5);
  for (auto& block : spec.blocks)
    std::get<AttentionSpec>(block.mixer).window = (all_layers ? all : rng.chance(0.5)) ? window : 0;
}

inline ModelSpec random_mistral_spec(Rng& rng) {
  ModelSpec spec = random_llama_spec(rng);
  spec.family = "mistral";
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = false;
    std::get<DenseFfnSpec>(block.ffn).bias = false;
  }
  draw_windows(spec, rng, true);
  return spec;
}

inline ModelSpec random_qwen2_spec(Rng& rng) {
  ModelSpec spec = random_mistral_spec(rng);
  spec.family = "qwen2";
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qkv_bias = true;
  draw_windows(spec, rng, false);
  return spec;
}

inline ModelSpec random_qwen3_spec(Rng& rng) {
  ModelSpec spec = random_mistral_spec(rng);
  spec.family = "qwen3";
  const bool bias = rng.chance(0.5);
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = bias;
    attention.qk_norm = QkNorm::head;
  }
  draw_windows(spec, rng, false);
  return spec;
}

// Many small experts, and some dense layers beside them.
inline ModelSpec random_qwen3_moe_spec(Rng& rng) {
  ModelSpec spec = random_mixtral_spec(rng);
  spec.family = "qwen3_moe";
  const bool bias = rng.chance(0.5);
  const ExpertWeight weight = rng.chance(0.5) ? ExpertWeight::score : ExpertWeight::renormalised;
  const DenseFfnSpec dense{.width = between(rng, 1, 9),
                           .activation = moe_of(spec.blocks.front())->activation};
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    auto& attention = std::get<AttentionSpec>(spec.blocks[i].mixer);
    attention.qkv_bias = attention.output_bias = bias;
    attention.qk_norm = QkNorm::head;
    moe_of(spec.blocks[i])->router.weight = weight;
    if (i > 0 && rng.chance(0.4)) spec.blocks[i].ffn = dense;
  }
  return spec;
}

inline ModelSpec random_qwen2_moe_spec(Rng& rng) {
  ModelSpec spec = random_qwen3_moe_spec(rng);
  spec.family = "qwen2_moe";
  const int64_t shared = between(rng, 1, 9);
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.output_bias = false;
    attention.qk_norm = QkNorm::none;
    if (MoeSpec* moe = moe_of(block)) {
      moe->shared_width = shared;
      moe->shared_gate = true;
    }
  }
  return spec;
}

// Makes the heads add up to the width.
inline void fit_heads(ModelSpec& spec) {
  const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
  spec.width = attention.heads * attention.head_dim;
}

inline ModelSpec random_olmoe_spec(Rng& rng) {
  ModelSpec spec = random_mixtral_spec(rng);
  spec.family = "olmoe";
  for (auto& block : spec.blocks) {
    std::get<AttentionSpec>(block.mixer).qk_norm = QkNorm::projection;
    moe_of(block)->router.weight = ExpertWeight::score;
  }
  fit_heads(spec);
  return spec;
}

inline ModelSpec random_olmo2_spec(Rng& rng) {
  ModelSpec spec = random_llama_spec(rng);
  spec.family = "olmo2";
  for (auto& block : spec.blocks) {
    std::get<AttentionSpec>(block.mixer).qk_norm = QkNorm::projection;
    std::get<DenseFfnSpec>(block.ffn).bias = false;
    block.norms = NormPlacement::post;
  }
  fit_heads(spec);
  return spec;
}

// LayerNorm, biases everywhere, a plain FFN.
inline ModelSpec random_phi_spec(Rng& rng) {
  ModelSpec spec = random_llama_spec(rng);
  spec.family = "phi";
  spec.norm = NormKind::layer;
  spec.head_bias = true;
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = true;
    attention.rope.fraction = attention.head_dim % 4 == 0 ? 0.5 : 1;
    auto& ffn = std::get<DenseFfnSpec>(block.ffn);
    ffn.gated = false;
    ffn.bias = true;
    block.norms = NormPlacement::parallel;
  }
  fit_heads(spec);
  return spec;
}

inline ModelSpec random_gpt2_spec(Rng& rng) {
  ModelSpec spec = random_phi_spec(rng);
  spec.family = "gpt2";
  spec.head_bias = false;
  spec.learned_positions = true;
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.kv_heads = attention.heads;
    attention.rope = {.fraction = 0};
    block.norms = NormPlacement::pre;
  }
  return spec;
}

inline ModelSpec random_opt_spec(Rng& rng) {
  ModelSpec spec = random_gpt2_spec(rng);
  spec.family = "opt";
  spec.position_offset = 2;
  spec.norm_epsilon = 1e-5;
  const bool bias = rng.chance(0.5);
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = bias;
    std::get<DenseFfnSpec>(block.ffn).bias = bias;
  }
  return spec;
}

// Short convolutions beside attention with normed heads.
inline ModelSpec random_lfm2_spec(Rng& rng) {
  ModelSpec spec = random_qwen3_spec(rng);
  spec.family = "lfm2";
  const ShortConvSpec conv = random_short_conv(rng);
  DenseFfnSpec ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
  ffn.activation = Activation::silu;
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = false;
    attention.window = 0;
    block.ffn = ffn;
    if (rng.chance(0.6)) block.mixer = conv;
  }
  return spec;
}

// The same with experts behind the first layers.
inline ModelSpec random_lfm2_moe_spec(Rng& rng) {
  ModelSpec spec = random_lfm2_spec(rng);
  spec.family = "lfm2_moe";
  MoeSpec moe{.widths = std::vector<int64_t>(rng.below(4) + 1, between(rng, 1, 9)),
              .router = {.score = RouterScore::sigmoid,
                         .weight = rng.chance(0.5) ? ExpertWeight::score : ExpertWeight::renormalised,
                         .selection_bias = rng.chance(0.5),
                         .scale = rng.uniform(0.5, 3)}};
  if (moe.router.weight == ExpertWeight::renormalised) moe.router.sum_epsilon = 1e-6;
  moe.top_k = between(rng, 1, moe.experts());
  for (size_t i = rng.below(spec.blocks.size()); i < spec.blocks.size(); ++i) spec.blocks[i].ffn = moe;
  return spec;
}

// Shared experts beside fine-grained ones, the first layers dense.
inline ModelSpec random_deepseek_spec(Rng& rng) {
  ModelSpec spec = random_mixtral_spec(rng);
  spec.family = "deepseek";
  const ExpertWeight weight = rng.chance(0.5) ? ExpertWeight::score : ExpertWeight::renormalised;
  const int64_t shared = between(rng, 1, 3),
                first = between(rng, 0, static_cast<int64_t>(spec.blocks.size()) - 1);
  const DenseFfnSpec dense{.width = between(rng, 1, 9),
                           .activation = moe_of(spec.blocks.front())->activation};
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    MoeSpec& moe = *moe_of(spec.blocks[i]);
    moe.router.weight = moe.top_k > 1 ? weight : ExpertWeight::score;
    moe.shared_width = shared * moe.widths.front();
    if (static_cast<int64_t>(i) < first) spec.blocks[i].ffn = dense;
  }
  return spec;
}

// The same with latent attention, and experts in groups.
inline ModelSpec random_latent_spec(Rng& rng, const char* family, GroupRule rule, double norm_epsilon) {
  ModelSpec spec = random_deepseek_spec(rng);
  spec.family = family;
  LatentAttentionSpec attention = random_latent(rng);
  attention.norm_epsilon = norm_epsilon;
  attention.rope.interleaved = true;
  const MoeSpec like = *moe_of(spec.blocks.back());
  MoeSpec moe{.widths = std::vector<int64_t>(6, like.widths.front()),
              .top_k = 3,
              .router = {.weight = ExpertWeight::score, .scale = rng.uniform(0.5, 3), .group_rule = rule},
              .shared_width = like.shared_width,
              .activation = like.activation};
  if (rule != GroupRule::none) {
    moe.router.groups = 3;
    moe.router.kept_groups = 2;
  }
  for (auto& block : spec.blocks) {
    block.mixer = attention;
    if (moe_of(block) != nullptr) block.ffn = moe;
  }
  return spec;
}

inline ModelSpec random_deepseek_v2_spec(Rng& rng) {
  return random_latent_spec(rng, "deepseek_v2", rng.chance(0.5) ? GroupRule::best : GroupRule::none, 1e-6);
}

inline ModelSpec random_deepseek_v3_spec(Rng& rng) {
  ModelSpec spec =
      random_latent_spec(rng, "deepseek_v3", rng.chance(0.5) ? GroupRule::best_two : GroupRule::none, 1e-6);
  for (auto& block : spec.blocks)
    if (MoeSpec* moe = moe_of(block)) {
      moe->router.score = RouterScore::sigmoid;
      moe->router.selection_bias = true;
      moe->router.weight = ExpertWeight::renormalised;
    }
  return spec;
}

inline ModelSpec random_pangu_ultra_moe_spec(Rng& rng) {
  ModelSpec spec = random_latent_spec(rng, "pangu_ultra_moe", GroupRule::none, 0);
  for (auto& block : spec.blocks) {
    auto& attention = std::get<LatentAttentionSpec>(block.mixer);
    attention.norm_epsilon = spec.norm_epsilon;
    attention.rope.interleaved = false;
    block.norms = NormPlacement::sandwich;
    if (MoeSpec* moe = moe_of(block)) moe->router.score = RouterScore::sigmoid;
  }
  return spec;
}

inline void fit_heads(ModelSpec& spec);

inline ModelSpec random_pangu_pro_moe_spec(Rng& rng) {
  ModelSpec spec = random_mixtral_spec(rng);
  spec.family = "PanguProMoE";
  const int64_t groups = between(rng, 1, 3), size = between(rng, 1, 3), width = between(rng, 1, 9);
  const bool bias = rng.chance(0.5);
  const MoeSpec moe{
      .widths = std::vector<int64_t>(static_cast<size_t>(groups * size), width),
      .top_k = groups,
      .router = {.weight = ExpertWeight::scaled, .group_rule = GroupRule::each, .groups = groups},
      .shared_width = rng.chance(0.5) ? between(rng, 1, 9) : 0,
      .activation = moe_of(spec.blocks.front())->activation};
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = bias;
    block.ffn = moe;
  }
  fit_heads(spec);
  return spec;
}

// Weights of every tensor of a spec: random bytes of random finite floats, and random valid neuron lists.
class RandomWeights {
 public:
  RandomWeights(const ModelSpec& spec, Rng& rng, DType dtype = DType::f32) {
    for (const auto& tensor : tensor_table(spec)) {
      names_.push_back(tensor.name);
      shapes_.push_back(tensor.shape);
      dtypes_.push_back(tensor.integer ? DType::i32 : dtype);
      bytes_.push_back(tensor.integer ? random_neurons(spec, tensor, rng)
                                      : random_floats(tensor, dtype, rng));
    }
  }

  std::vector<TensorData> data() const {
    std::vector<TensorData> views;
    for (size_t i = 0; i < names_.size(); ++i)
      views.push_back({names_[i], dtypes_[i], shapes_[i], bytes_[i]});
    return views;
  }

 private:
  static std::vector<std::byte> random_floats(const TensorSpec& tensor, DType dtype, Rng& rng) {
    std::vector<std::byte> bytes(static_cast<size_t>(tensor.count()) * byte_size(dtype));
    for (auto& byte : bytes)
      byte = static_cast<std::byte>(rng.below(0x70));  // no exponent of all ones: finite
    return bytes;
  }

  static std::vector<std::byte> random_neurons(const ModelSpec& spec, const TensorSpec& tensor, Rng& rng) {
    if (tensor.name == "model.routing_vocabulary") {
      const auto table = random_word_table(spec.routing_vocabulary->entries, spec.routing_vocabulary->longest,
                                           spec.vocabulary, rng);
      const auto view = std::as_bytes(std::span(table));
      return {view.begin(), view.end()};
    }
    const size_t layer = std::stoul(tensor.name.substr(std::string("model.layers.").size()));
    std::vector<int32_t> all(static_cast<size_t>(moe_of(spec.blocks[layer])->dense_width));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
    rng.shuffle(all);
    all.resize(static_cast<size_t>(tensor.count()));
    std::sort(all.begin(), all.end());
    std::vector<std::byte> bytes(all.size() * sizeof(int32_t));
    if (!all.empty()) std::memcpy(bytes.data(), all.data(), bytes.size());
    return bytes;
  }

  std::vector<std::string> names_;
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<DType> dtypes_;
  std::vector<std::vector<std::byte>> bytes_;
};

}  // namespace coppice::test
