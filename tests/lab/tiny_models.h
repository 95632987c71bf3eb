#pragma once
// Small models of every kind that the lab builds.

#include <cmath>
#include <string>
#include <vector>

#include "lab/nn/language_model.h"
#include "text/routing_vocabulary.h"

namespace coppice::test {

inline ModelSpec tiny_spec(const FfnSpec& ffn, bool tied = false) {
  ModelSpec spec{.family = "coppice",
                 .vocabulary = 40,
                 .width = 16,
                 .context = 32,
                 .tied_embeddings = tied,
                 .norm_epsilon = 1e-5};
  const AttentionSpec attention{.heads = 4, .kv_heads = 2, .head_dim = 6};
  spec.blocks = {{attention, ffn}, {attention, ffn}};
  return spec;
}

inline ModelSpec tiny_dense() {
  ModelSpec spec = tiny_spec(DenseFfnSpec{.width = 24});
  spec.family = "llama";
  return spec;
}

inline ModelSpec tiny_mixtral() {
  ModelSpec spec = tiny_spec(MoeSpec{.widths = {12, 12, 12, 12}, .top_k = 2});
  spec.family = "mixtral";
  return spec;
}

// A mixture that chooses by words, and the table of them: what tests have as prompts and sources.
inline MoeSpec tiny_word_moe() {
  return {.widths = {8, 5, 9, 8, 6, 8},
          .router = {.source = RouterSource::word,
                     .score = RouterScore::none,
                     .weight = ExpertWeight::one,
                     .word_blocks = {{1, 1}, {5, 3}, {10, 2}}}};
}
inline std::vector<TokenId> tiny_word_table() {
  const std::vector<std::vector<TokenId>> words = {{},       {1},     {12},     {30, 2},    {5},
                                                   {3},      {17, 5}, {12, 12}, {9, 30, 2}, {8},
                                                   {25, 12}, {7, 7},  {9},      {39, 0},    {4, 9}};
  return routing_table(words, 16, 3);
}
inline void choose_by_words(ModelSpec& spec, std::vector<BlockSpec>& blocks) {
  spec.routing_vocabulary = {.entries = 16, .longest = 3};
  blocks.back().ffn = tiny_word_moe();
}

// A model of every further family, and of what a spec can say that no family does.
inline std::vector<ModelSpec> tiny_families() {
  std::vector<ModelSpec> specs;
  const auto add = [&specs](const char* family, ModelSpec spec, const auto& change) {
    spec.family = family;
    for (auto& block : spec.blocks) change(spec, block, std::get<AttentionSpec>(block.mixer));
    specs.push_back(spec);
  };
  const ModelSpec dense = tiny_dense();
  const ModelSpec sparse =
      tiny_spec(MoeSpec{.widths = {8, 8, 8, 8}, .top_k = 2, .router = {.weight = ExpertWeight::score}});
  ModelSpec plain =
      tiny_spec(DenseFfnSpec{.width = 20, .gated = false, .bias = true, .activation = Activation::gelu_tanh});
  plain.width = 24;
  plain.norm = NormKind::layer;
  for (auto& block : plain.blocks)
    block.mixer =
        AttentionSpec{.heads = 4, .kv_heads = 4, .head_dim = 6, .qkv_bias = true, .output_bias = true};
  ModelSpec fitting = dense;
  fitting.width = 24;

  add("mistral", dense, [](auto&, auto&, auto& attention) { attention.window = 3; });
  add("qwen2", dense, [](auto& spec, auto& block, auto& attention) {
    attention.qkv_bias = true;
    attention.window = &block == &spec.blocks.back() ? 2 : 0;
  });
  add("qwen3", dense, [](auto&, auto&, auto& attention) { attention.qk_norm = QkNorm::head; });
  add("qwen2_moe", sparse, [](auto& spec, auto& block, auto& attention) {
    attention.qkv_bias = true;
    moe_of(block)->shared_width = 6;
    moe_of(block)->shared_gate = true;
    if (&block == &spec.blocks.back()) block.ffn = DenseFfnSpec{.width = 10};
  });
  add("qwen3_moe", sparse, [](auto&, auto&, auto& attention) { attention.qk_norm = QkNorm::head; });
  add("olmoe", sparse, [](auto& spec, auto&, auto& attention) {
    spec.width = 24;
    attention.qk_norm = QkNorm::projection;
  });
  add("olmo2", fitting, [](auto&, auto& block, auto& attention) {
    attention.qk_norm = QkNorm::projection;
    block.norms = NormPlacement::post;
  });
  add("phi", plain, [](auto& spec, auto& block, auto& attention) {
    spec.head_bias = true;
    attention.rope.fraction = 0.7;
    block.norms = NormPlacement::parallel;
  });
  add("gpt2", plain, [](auto& spec, auto&, auto& attention) {
    spec.learned_positions = spec.tied_embeddings = true;
    attention.rope.fraction = 0;
  });
  add("opt", plain, [](auto& spec, auto& block, auto& attention) {
    spec.learned_positions = spec.tied_embeddings = true;
    spec.position_offset = 2;
    std::get<DenseFfnSpec>(block.ffn).activation = Activation::relu;
    attention.rope.fraction = 0;
  });
  add("lfm2", dense, [](auto& spec, auto& block, auto& attention) {
    spec.tied_embeddings = true;
    attention.qk_norm = QkNorm::head;
    if (&block == &spec.blocks.front()) block.mixer = ShortConvSpec{.bias = true};
  });
  add("lfm2_moe", sparse, [](auto& spec, auto& block, auto& attention) {
    attention.qk_norm = QkNorm::head;
    moe_of(block)->router = {
        .score = RouterScore::sigmoid, .selection_bias = true, .scale = 1.5, .sum_epsilon = 1e-6};
    if (&block == &spec.blocks.front()) {
      block.mixer = ShortConvSpec{.kernel_size = 4};
      block.ffn = DenseFfnSpec{.width = 10};
    }
  });
  const auto encode = [](auto& spec, auto& block, auto& attention) {
    spec.learned_positions = spec.embedding_norm = true;
    spec.token_types = 2;
    spec.final_norm = false;
    spec.head = HeadKind::masked;
    spec.tied_embeddings = spec.head_bias = true;
    spec.head_activation = std::get<DenseFfnSpec>(block.ffn).activation = Activation::gelu;
    attention.rope.fraction = 0;
    attention.causal = false;
    block.norms = NormPlacement::post_sum;
  };
  add("bert", plain, encode);
  add("bert", plain, [&encode](auto& spec, auto& block, auto& attention) {
    encode(spec, block, attention);
    spec.head = HeadKind::none;
    spec.tied_embeddings = spec.head_bias = false;
    spec.pooler = true;
  });
  for (const char* family : {"roberta", "xlm-roberta"})
    add(family, plain, [&encode](auto& spec, auto& block, auto& attention) {
      encode(spec, block, attention);
      spec.position_offset = 2;
      spec.token_types = 1;
    });
  add("distilbert", plain, [&encode](auto& spec, auto& block, auto& attention) {
    encode(spec, block, attention);
    spec.token_types = 0;
    spec.norm_epsilon = 1e-12;
  });
  ModelSpec modern = fitting;
  modern.blocks.push_back(modern.blocks.back());
  add("modernbert", modern, [](auto& spec, auto& block, auto& attention) {
    spec.norm = NormKind::layer;
    spec.norm_bias = spec.head_dense_bias = false;
    spec.embedding_norm = spec.tied_embeddings = spec.head_bias = true;
    spec.head = HeadKind::masked;
    std::get<DenseFfnSpec>(block.ffn).activation = Activation::gelu;
    const bool first = &block == &spec.blocks.front();
    block.mixer_norm = !first;
    attention.kv_heads = attention.heads;
    attention.causal = false;
    attention.window = first ? 0 : 3;
    attention.rope.theta = first ? 160000 : 10000;
  });
  add("deepseek", sparse, [](auto& spec, auto& block, auto&) {
    moe_of(block)->shared_width = 16;
    if (&block == &spec.blocks.front()) block.ffn = DenseFfnSpec{.width = 10};
  });
  ModelSpec grouped = tiny_spec(MoeSpec{.widths = {8, 8, 8, 8, 8, 8},
                                        .top_k = 3,
                                        .router = {.weight = ExpertWeight::score},
                                        .shared_width = 8});
  add("PanguProMoE", grouped, [](auto& spec, auto& block, auto& attention) {
    spec.width = 24;
    attention.qkv_bias = attention.output_bias = true;
    moe_of(block)->router = {.weight = ExpertWeight::scaled, .group_rule = GroupRule::each, .groups = 3};
  });
  const RopeSpec yarn{.theta = 500,
                      .scaling = RopeScaling::yarn,
                      .factor = 8,
                      .original_context = 16,
                      .beta_fast = 4,
                      .mscale = 1,
                      .mscale_all_dim = 0.7,
                      .interleaved = true};
  const LatentAttentionSpec latent{
      .heads = 4, .latent_rank = 7, .plain_dim = 5, .rotary_dim = 6, .value_dim = 3, .rope = yarn};
  add("deepseek_v2", grouped, [&](auto&, auto& block, auto&) {
    block.mixer = latent;
    moe_of(block)->router = {.weight = ExpertWeight::score,
                             .scale = 1.5,
                             .group_rule = GroupRule::best,
                             .groups = 3,
                             .kept_groups = 2};
  });
  add("deepseek_v3", grouped, [&](auto&, auto& block, auto&) {
    block.mixer = latent;
    std::get<LatentAttentionSpec>(block.mixer).query_rank = 9;
    std::get<LatentAttentionSpec>(block.mixer).bias = true;
    moe_of(block)->router = {.score = RouterScore::sigmoid,
                             .selection_bias = true,
                             .scale = 2.5,
                             .group_rule = GroupRule::best_two,
                             .groups = 3,
                             .kept_groups = 2};
  });
  add("pangu_ultra_moe", grouped, [&](auto& spec, auto& block, auto&) {
    block.mixer = latent;
    std::get<LatentAttentionSpec>(block.mixer).rope = {.theta = 500};
    std::get<LatentAttentionSpec>(block.mixer).norm_epsilon = spec.norm_epsilon;
    block.norms = NormPlacement::sandwich;
    moe_of(block)->router.score = RouterScore::sigmoid;
  });
  for (const AttentionGate gate : {AttentionGate::head, AttentionGate::element})
    add("qwen3", dense, [gate](auto&, auto&, auto& attention) { attention.gate = gate; });
  ModelSpec mixed = tiny_spec(
      MoeSpec{.widths = {8, 8, 8, 8},
              .top_k = 2,
              .router = {.score = RouterScore::none, .weight = ExpertWeight::survivors, .jitter = 0.3}});
  mixed.width = 24;
  mixed.norm = NormKind::layer;
  for (const char* family : {"phimoe", "grinmoe"})
    add(family, mixed, [&mixed](auto& spec, auto&, auto& attention) {
      spec.head_bias = attention.qkv_bias = attention.output_bias = true;
      attention.rope = {.theta = 500,
                        .scaling = RopeScaling::longrope,
                        .original_context = mixed.context,
                        .mscale = 1.2,
                        .factors = {1, 1.5, 4}};
    });
  const auto scale = [](auto& spec) {
    spec.tied_embeddings = true;
    spec.embedding_scale = 12;
    spec.residual_scale = 1.4 / std::sqrt(static_cast<double>(spec.blocks.size()));
    spec.logit_scale = 0.5;
  };
  add("minicpm", dense, [&scale](auto& spec, auto&, auto&) { scale(spec); });
  ModelSpec blocks = tiny_spec(MoeSpec{.widths = {8, 8, 8, 8}, .top_k = 4, .gated = false});
  blocks.width = 24;
  add("minicpm", blocks, [&](auto& spec, auto& block, auto&) {
    scale(spec);
    block.mixer = LatentAttentionSpec{
        .heads = 4, .query_rank = 9, .latent_rank = 7, .plain_dim = 5, .rotary_dim = 6, .value_dim = 6};
    moe_of(block)->router = {
        .score = RouterScore::relu_norm, .weight = ExpertWeight::score, .norm_epsilon = spec.norm_epsilon};
  });
  // Pangu Ultra, and GLaM: gated dense layers and plain experts in turn, biases by distance.
  add("coppice", dense, [](auto&, auto& block, auto&) { block.norms = NormPlacement::sandwich; });
  add("coppice", dense, [](auto& spec, auto& block, auto& attention) {
    spec.tied_embeddings = true;
    attention.rope.fraction = 0;
    attention.relative_bias = {.buckets = 8, .max_distance = 6};
    block.ffn = DenseFfnSpec{.width = 24, .activation = Activation::gelu};
    if (&block == &spec.blocks.back())
      block.ffn =
          MoeSpec{.widths = {24, 24, 24, 24}, .top_k = 2, .gated = false, .activation = Activation::gelu};
  });
  for (const bool causal : {true, false})
    add("coppice", dense, [causal](auto& spec, auto& block, auto& attention) {
      attention.causal = causal;
      if (&block == &spec.blocks.back()) choose_by_words(spec, spec.blocks);
    });
  add("coppice", dense, [](auto& spec, auto& block, auto& attention) {
    spec.tied_embeddings = spec.head_bias = true;
    attention.gate = &block == &spec.blocks.back() ? AttentionGate::head : AttentionGate::element;
  });
  return specs;
}

// An encoder-decoder as T5 1.0, mT5 and umT5 are, and one with words in both stacks.
inline std::vector<ModelSpec> tiny_encoder_decoders() {
  std::vector<ModelSpec> specs;
  for (const char* family : {"t5", "mt5", "umt5"}) {
    const bool first = specs.empty();
    AttentionSpec attention{.heads = 3, .kv_heads = 3, .head_dim = 6, .scale = 1, .rope = {.fraction = 0}};
    AttentionSpec cross = attention;
    cross.causal = false;
    attention.relative_bias = {.buckets = 8, .max_distance = 6, .shared = std::string(family) != "umt5"};
    AttentionSpec both_ways = attention;
    both_ways.causal = false;
    const DenseFfnSpec ffn{
        .width = 20, .gated = !first, .activation = first ? Activation::relu : Activation::gelu_tanh};
    ModelSpec spec{.family = family,
                   .vocabulary = 40,
                   .width = 16,
                   .context = 32,
                   .tied_embeddings = first,
                   .norm_epsilon = 1e-6,
                   .logit_scale = first ? 0.25 : 1,
                   .eos_ids = {1},
                   .decoder_start_id = 0};
    spec.encoder.emplace().blocks.assign(2, {both_ways, ffn});
    spec.blocks.assign(3, {.mixer = attention, .ffn = ffn, .cross_attention = cross});
    specs.push_back(spec);
  }
  ModelSpec words = specs.back();
  words.family = "coppice";
  choose_by_words(words, words.encoder->blocks);
  choose_by_words(words, words.blocks);
  specs.push_back(words);
  return specs;
}

// A mixture of each router source that looks at the input, score, weight, storage and width pattern, each with a name.
inline std::vector<std::pair<std::string, MoeSpec>> mixtures() {
  return {
      {"linear_softmax", {.widths = {8, 8, 8, 8}, .top_k = 2}},
      {"linear_sigmoid_biased",
       {.widths = {8, 4, 0, 12},
        .top_k = 2,
        .router = {.score = RouterScore::sigmoid,
                   .weight = ExpertWeight::score,
                   .selection_bias = true,
                   .scale = 2.5},
        .shared_width = 6}},
      {"mlp_tanh",
       {.widths = {8, 8, 8},
        .top_k = 1,
        .router = {.source = RouterSource::mlp_tanh, .weight = ExpertWeight::score, .scale = 3}}},
      {"neurons_one_plus",
       {.widths = {5, 7, 9, 3},
        .top_k = 3,
        .router = {.source = RouterSource::neurons, .weight = ExpertWeight::one_plus, .selection_bias = true},
        .shared_width = 8}},
      {"grouped_best_scaled",
       {.widths = {8, 4, 6, 8, 5, 7},
        .top_k = 3,
        .router = {.score = RouterScore::sigmoid,
                   .weight = ExpertWeight::scaled,
                   .selection_bias = true,
                   .group_rule = GroupRule::best,
                   .groups = 3,
                   .kept_groups = 2}}},
      {"grouped_best_two",
       {.widths = {8, 4, 6, 8, 5, 7},
        .top_k = 2,
        .router = {.group_rule = GroupRule::best_two, .groups = 2, .kept_groups = 1}}},
      {"grouped_each",
       {.widths = {8, 4, 6, 8, 5, 7},
        .top_k = 4,
        .router = {.weight = ExpertWeight::score, .group_rule = GroupRule::each, .groups = 2}}},
      {"blockffn",
       {.widths = {8, 8, 8, 8, 8},
        .top_k = 5,
        .router = {.score = RouterScore::relu_norm, .weight = ExpertWeight::score, .norm_epsilon = 0.01},
        .gated = false}},
      {"moe_x",
       {.widths = {8, 9, 7, 8},
        .top_k = 2,
        .router = {.source = RouterSource::sparsity},
        .gated = false,
        .activation = Activation::relu}},
      {"grin",
       {.widths = {8, 8, 8, 8},
        .top_k = 2,
        .router = {.score = RouterScore::none, .weight = ExpertWeight::survivors, .jitter = 0.2}}},
      {"ungated_relu",
       {.widths = {8, 8},
        .top_k = 1,
        .router = {.score = RouterScore::none, .weight = ExpertWeight::one},
        .gated = false,
        .activation = Activation::relu}},
      {"indexed",
       {.widths = {10, 14, 6},
        .top_k = 2,
        .router = {.weight = ExpertWeight::one},
        .storage = ExpertStorage::indexed,
        .dense_width = 24}},
      {"indexed_overlapping",
       {.widths = {20, 20, 0},
        .top_k = 2,
        .router = {.source = RouterSource::neurons, .weight = ExpertWeight::renormalised},
        .storage = ExpertStorage::indexed,
        .dense_width = 24,
        .shared_width = 4,
        .activation = Activation::gelu}},
  };
}

// Weights large enough that routers decide clearly, and nothing at its neutral initial value.
inline std::shared_ptr<lab::LanguageModel> random_model(const ModelSpec& spec, uint64_t seed) {
  torch::manual_seed(seed);
  auto model = std::make_shared<lab::LanguageModel>(spec);
  const torch::NoGradGuard no_gradient;
  for (auto& [name, tensor] : lab::state_of(*model)) {
    if (!tensor.is_floating_point() || tensor.numel() == 0) continue;
    if (tensor.dim() == 1)
      tensor.add_(torch::randn_like(tensor) * 0.1);
    else
      tensor.normal_(0, 0.3);
  }
  if (spec.routing_vocabulary) model->set_routing_vocabulary(tiny_word_table());
  return model;
}

inline torch::Tensor random_ids(int64_t batch, int64_t length, int64_t vocabulary, uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randint(vocabulary, {batch, length}, torch::kInt64);
}

}  // namespace coppice::test
