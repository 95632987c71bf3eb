// config.json of known families, right and wrong, as their makers write them.

#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/arch/families.h"
#include "model/random_model.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Json small_llama() {
  return Json::parse(
      R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":32,"hidden_size":16,
    "intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,"hidden_act":"silu",
    "max_position_embeddings":128,"rms_norm_eps":1e-5,"rope_theta":500000.0,"tie_word_embeddings":false,
    "attention_bias":false,"mlp_bias":false,"bos_token_id":1,"eos_token_id":2,"torch_dtype":"bfloat16",
    "transformers_version":"4.45.0","use_cache":true,"pretraining_tp":1,"initializer_range":0.02})");
}

Json small_mixtral() {
  Json config = small_llama();
  config["model_type"] = "mixtral";
  config.erase("attention_bias");
  config.erase("mlp_bias");
  config["num_local_experts"] = 4;
  config["num_experts_per_tok"] = 2;
  config["sliding_window"] = nullptr;
  config["router_aux_loss_coef"] = 0.02;
  config["output_router_logits"] = false;
  return config;
}

Json with(Json config, const Json& changes) {
  config.update(changes);
  return config;
}

ModelSpec read(const Json& config) {
  return spec_from_config(config, "config.json");
}

const AttentionSpec& attention_of(const ModelSpec& spec) {
  return std::get<AttentionSpec>(spec.blocks.front().mixer);
}

std::string refusal(const Json& config) {
  return error_of([&] { read(config); });
}

TEST(LlamaConfig, ReadsEveryField) {
  const ModelSpec spec = read(small_llama());
  const AttentionSpec attention = {.heads = 4, .kv_heads = 2, .head_dim = 4, .rope = {.theta = 500000}};
  const DenseFfnSpec ffn = {.width = 24};
  const ModelSpec expected = {.family = "llama",
                              .vocabulary = 32,
                              .width = 16,
                              .context = 128,
                              .norm_epsilon = 1e-5,
                              .bos_id = 1,
                              .eos_ids = {2},
                              .blocks = {{attention, ffn}, {attention, ffn}}};
  EXPECT_EQ(spec, expected);
}

TEST(LlamaConfig, DefaultsAreThoseOfTransformers) {
  Json config = small_llama();
  for (const char* key : {"num_key_value_heads", "rope_theta", "tie_word_embeddings", "rms_norm_eps",
                          "max_position_embeddings", "hidden_act"})
    config.erase(key);
  const ModelSpec spec = read(config);
  EXPECT_EQ(attention_of(spec).kv_heads, 4);
  EXPECT_EQ(attention_of(spec).rope.theta, 10000);
  EXPECT_EQ(spec.norm_epsilon, 1e-6);
  EXPECT_EQ(spec.context, 2048);
  EXPECT_FALSE(spec.tied_embeddings);
}

TEST(LlamaConfig, RopeScalingOfLlama31) {
  const RopeSpec expected = {.theta = 500000,
                             .scaling = RopeScaling::llama3,
                             .factor = 8,
                             .low_frequency_factor = 1,
                             .high_frequency_factor = 4,
                             .original_context = 8192};
  const Json scaling = Json::parse(
      R"({"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"})");
  EXPECT_EQ(attention_of(read(with(small_llama(), {{"rope_scaling", scaling}}))).rope, expected);

  // Transformers 5 puts all of it into rope_parameters.
  Json five = with(small_llama(),
                   {{"rope_parameters", with(scaling, {{"rope_theta", 500000.0}})}, {"dtype", "bfloat16"}});
  five.erase("rope_theta");
  EXPECT_EQ(attention_of(read(five)).rope, expected);
  Json plain = with(small_llama(), {{"rope_parameters", {{"rope_theta", 1234.0}, {"rope_type", "default"}}}});
  plain.erase("rope_theta");
  EXPECT_EQ(attention_of(read(plain)).rope, RopeSpec{.theta = 1234});
  EXPECT_EQ(attention_of(read(with(five, {{"rope_scaling", scaling}, {"rope_theta", 500000.0}}))).rope,
            expected);
}

TEST(LlamaConfig, LinearRopeScalingUnderItsOldName) {
  const RopeSpec expected = {.theta = 500000, .scaling = RopeScaling::linear, .factor = 2};
  EXPECT_EQ(
      attention_of(read(with(small_llama(), {{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}}))).rope,
      expected);
}

TEST(LlamaConfig, RopeThatIsNotUnderstoodIsRefused) {
  const auto scaled = [](const Json& scaling) {
    return refusal(with(small_llama(), {{"rope_scaling", scaling}}));
  };
  EXPECT_THAT(scaled({{"rope_type", "yarn"}, {"factor", 2}}), HasSubstr("rope_type 'yarn'"));
  EXPECT_THAT(scaled({{"rope_type", "linear"}}), HasSubstr("no 'factor'"));
  EXPECT_THAT(scaled({{"rope_type", "default"}, {"partial_rotary_factor", 0.5}}),
              HasSubstr("partial_rotary_factor"));
  EXPECT_THAT(scaled("linear"), HasSubstr("expected an object"));
  EXPECT_THAT(refusal(with(small_llama(), {{"rope_scaling", {{"type", "linear"}, {"factor", 2}}},
                                           {"rope_parameters", {{"rope_type", "default"}}}})),
              HasSubstr("that differ"));
  EXPECT_THAT(scaled({{"rope_type", "llama3"},
                      {"factor", 8},
                      {"low_freq_factor", 4},
                      {"high_freq_factor", 4},
                      {"original_max_position_embeddings", 8192}}),
              HasSubstr("high_frequency_factor not above"));
}

TEST(LlamaConfig, SpecialTokens) {
  EXPECT_THAT(read(with(small_llama(), {{"eos_token_id", {3, 4, 5}}})).eos_ids, ElementsAre(3, 4, 5));
  EXPECT_THAT(read(with(small_llama(), {{"eos_token_id", nullptr}})).eos_ids, ElementsAre());
  EXPECT_EQ(read(with(small_llama(), {{"bos_token_id", nullptr}})).bos_id, std::nullopt);
}

TEST(LlamaConfig, HeadDimNeedNotDivideTheWidth) {
  EXPECT_EQ(attention_of(read(with(small_llama(), {{"head_dim", 6}}))).head_dim, 6);
  EXPECT_EQ(attention_of(read(with(small_llama(), {{"head_dim", nullptr}}))).head_dim, 4);
  EXPECT_THAT(refusal(with(small_llama(), {{"num_attention_heads", 3}, {"num_key_value_heads", 3}})),
              HasSubstr("hidden_size 16 on 3 heads"));
  EXPECT_THAT(refusal(with(small_llama(),
                           {{"num_attention_heads", 3}, {"num_key_value_heads", 3}, {"head_dim", nullptr}})),
              HasSubstr("hidden_size 16 on 3 heads"));
}

TEST(LlamaConfig, KeysOfOtherComputationsAreRefused) {
  EXPECT_THAT(refusal(with(small_llama(), {{"quantization_config", {{"bits", 4}}}})),
              HasSubstr("quantization_config"));
  EXPECT_THAT(refusal(with(small_llama(), {{"sliding_window", 4096}})), HasSubstr("sliding_window"));
  EXPECT_THAT(refusal(with(small_llama(), {{"num_local_experts", 8}})), HasSubstr("num_local_experts"));
  EXPECT_THAT(refusal(with(small_llama(), {{"hidden_act", "swiglu2"}})), HasSubstr("hidden_act"));
  EXPECT_NO_THROW(read(with(small_llama(), {{"quantization_config", nullptr}}))) << "null means absent";
}

TEST(LlamaConfig, ImpossibleNumbersAreRefused) {
  const auto changed = [](const char* key, const Json& value) {
    return refusal(with(small_llama(), {{key, value}}));
  };
  EXPECT_THAT(changed("num_attention_heads", 0), HasSubstr("attention heads"));
  EXPECT_THAT(changed("num_key_value_heads", 3), HasSubstr("a multiple"));
  EXPECT_THAT(changed("hidden_size", -16), HasSubstr("-16"));
  EXPECT_THAT(changed("hidden_size", "16"), HasSubstr("a whole number"));
  EXPECT_THAT(changed("hidden_size", 16.5), HasSubstr("a whole number"));
  EXPECT_THAT(changed("vocab_size", 1e300), HasSubstr("a number that fits"));
  EXPECT_THAT(changed("intermediate_size", 1 << 25), HasSubstr("ffn.width"));
  EXPECT_THAT(changed("num_hidden_layers", 1000000000), HasSubstr("1 to 10000"));
  EXPECT_THAT(changed("head_dim", 5), HasSubstr("an even number"));
  EXPECT_THAT(changed("intermediate_size", 0x7FFFFFFFFFFFFFFF), HasSubstr("a number that fits"));
  Json lacking = small_llama();
  lacking.erase("vocab_size");
  EXPECT_THAT(refusal(lacking), HasSubstr("no 'vocab_size'"));
  EXPECT_THAT(refusal(with(small_llama(), {{"intermediate_size", 1 << 24},
                                           {"hidden_size", 1 << 24},
                                           {"head_dim", 4},
                                           {"num_hidden_layers", 10000}})),
              HasSubstr("parameters"));
}

TEST(MixtralConfig, ReadsExpertsAndRouter) {
  const ModelSpec spec = read(small_mixtral());
  const MoeSpec* moe = moe_of(spec.blocks.at(1));
  ASSERT_NE(moe, nullptr);
  EXPECT_THAT(moe->widths, ElementsAre(24, 24, 24, 24));
  EXPECT_EQ(moe->top_k, 2);
  EXPECT_EQ(moe->router.score, RouterScore::softmax);
  EXPECT_EQ(moe->router.weight, ExpertWeight::renormalised);
}

TEST(MixtralConfig, DefaultsAreThoseOfTransformers) {
  Json config = with(small_mixtral(), {{"num_attention_heads", 16}, {"hidden_size", 64}});
  for (const char* key : {"num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "rope_theta",
                          "sliding_window", "num_local_experts", "num_experts_per_tok"})
    config.erase(key);
  const ModelSpec spec = read(config);
  const AttentionSpec& attention = std::get<AttentionSpec>(spec.blocks[0].mixer);
  EXPECT_EQ(attention.kv_heads, 8);
  EXPECT_EQ(attention.window, 0);
  EXPECT_EQ(attention.rope.theta, 1e6);
  EXPECT_EQ(spec.context, 131072);
  EXPECT_EQ(spec.norm_epsilon, 1e-5);
  EXPECT_EQ(moe_of(spec.blocks[0])->experts(), 8);
  EXPECT_EQ(moe_of(spec.blocks[0])->top_k, 2);
}

TEST(MixtralConfig, RefusesWhatItCannotDo) {
  EXPECT_THAT(refusal(with(small_mixtral(), {{"sliding_window", 0}})), HasSubstr("sliding_window"));
  EXPECT_THAT(refusal(with(small_mixtral(), {{"num_experts_per_tok", 5}})), HasSubstr("top_k 5"));
  EXPECT_THAT(refusal(with(small_mixtral(), {{"num_local_experts", 1000000000}})),
              HasSubstr("num_local_experts"));
  EXPECT_THAT(refusal(with(small_mixtral(), {{"num_local_experts", 60000}, {"num_hidden_layers", 9000}})),
              HasSubstr("60000 experts in each of 9000 layers"));
  EXPECT_THAT(refusal(with(small_mixtral(), {{"mlp_bias", true}})), HasSubstr("mlp_bias"));
}

// A config of a family, small_llama's sizes; absent keys have the defaults of Transformers.
Json small(const char* family, const Json& more = Json::object()) {
  Json config = small_llama();
  for (const char* key : {"attention_bias", "mlp_bias"}) config.erase(key);
  config["model_type"] = family;
  return with(config, more);
}

std::vector<int64_t> windows(const ModelSpec& spec) {
  std::vector<int64_t> found;
  for (const auto& block : spec.blocks) found.push_back(std::get<AttentionSpec>(block.mixer).window);
  return found;
}

TEST(Windows, OfAllLayersOrNone) {
  for (const Json& base : {small("mistral"), small_mixtral()}) {
    EXPECT_THAT(windows(read(with(base, {{"sliding_window", nullptr}}))), ElementsAre(0, 0));
    EXPECT_THAT(windows(read(with(base, {{"sliding_window", 64}}))), ElementsAre(64, 64));
    EXPECT_THAT(windows(read(with(base, {{"sliding_window", 128}}))), ElementsAre(0, 0));
    EXPECT_THAT(windows(read(with(base, {{"sliding_window", 4096}}))), ElementsAre(0, 0));
    EXPECT_THAT(refusal(with(base, {{"sliding_window", -1}})), HasSubstr("sliding_window"));
  }
}

TEST(Windows, FromSomeLayerOnOrAsListed) {
  for (const char* family : {"qwen2", "qwen3"}) {
    const Json base = small(family, {{"head_dim", 4}, {"sliding_window", 16}, {"max_window_layers", 1}});
    EXPECT_THAT(windows(read(base)), ElementsAre(0, 0));
    const Json used = with(base, {{"use_sliding_window", true}});
    EXPECT_THAT(windows(read(used)), ElementsAre(0, 16));
    EXPECT_THAT(windows(read(with(used, {{"layer_types", {"sliding_attention", "full_attention"}}}))),
                ElementsAre(16, 0));
    EXPECT_THAT(refusal(with(used, {{"layer_types", {"sliding_attention"}}})), HasSubstr("1 types"));
    EXPECT_THAT(refusal(with(used, {{"layer_types", {"chunked_attention", "full_attention"}}})),
                HasSubstr("chunked_attention"));
    EXPECT_THAT(refusal(with(base, {{"layer_types", {"sliding_attention", "full_attention"}}})),
                HasSubstr("use_sliding_window"));
  }
}

TEST(QwenMoeConfig, ExpertsAndDenseLayers) {
  const Json experts = {{"num_hidden_layers", 4},
                        {"num_experts", 6},
                        {"num_experts_per_tok", 2},
                        {"moe_intermediate_size", 5},
                        {"shared_expert_intermediate_size", 7}};
  const ModelSpec spec =
      read(small("qwen2_moe", with(experts, {{"mlp_only_layers", {3}}, {"decoder_sparse_step", 2}})));
  for (const size_t layer : {0, 2, 3})
    EXPECT_EQ(spec.blocks.at(layer).ffn, FfnSpec(DenseFfnSpec{.width = 24})) << layer;
  const MoeSpec* moe = moe_of(spec.blocks.at(1));
  ASSERT_NE(moe, nullptr);
  EXPECT_EQ(moe->widths, std::vector<int64_t>(6, 5));
  EXPECT_EQ(moe->shared_width, 7);
  EXPECT_TRUE(moe->shared_gate);
  EXPECT_EQ(moe->router.weight, ExpertWeight::score);
  EXPECT_TRUE(attention_of(spec).qkv_bias);
  EXPECT_FALSE(attention_of(spec).output_bias);
  const auto changed = [&](const Json& change) { return refusal(small("qwen2_moe", with(experts, change))); };
  EXPECT_THAT(changed({{"use_sliding_window", true}}), HasSubstr("use_sliding_window"));
  EXPECT_THAT(changed({{"num_experts", 0}}), HasSubstr("num_experts"));
  EXPECT_THAT(changed({{"num_experts", 60000}, {"num_hidden_layers", 9000}}),
              HasSubstr("60000 experts in each of 9000 layers"));
  EXPECT_THAT(changed({{"decoder_sparse_step", 0}}), HasSubstr("decoder_sparse_step"));
  EXPECT_THAT(changed({{"num_experts_per_tok", 7}}), HasSubstr("top_k 7"));
  EXPECT_THAT(changed({{"shared_expert_intermediate_size", 0}}), HasSubstr("shared_expert"));
}

TEST(OlmoeConfig, RefusesClipping) {
  const Json config = small("olmoe", {{"num_experts", 4}, {"num_experts_per_tok", 2}});
  EXPECT_EQ(attention_of(read(with(config, {{"clip_qkv", nullptr}}))).qk_norm, QkNorm::projection);
  EXPECT_THAT(refusal(with(config, {{"clip_qkv", 8.0}})), HasSubstr("clip_qkv"));
}

Json small_phi() {
  return Json::parse(
      R"({"model_type":"phi","vocab_size":32,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,
    "num_attention_heads":2,"hidden_act":"gelu_new","max_position_embeddings":128,"layer_norm_eps":1e-5,
    "partial_rotary_factor":0.5,"rope_theta":10000.0})");
}

TEST(PhiConfig, PartialRotation) {
  EXPECT_EQ(attention_of(read(small_phi())).rope.fraction, 0.5);
  Json five = small_phi();
  for (const char* key : {"partial_rotary_factor", "rope_theta"}) five.erase(key);
  five["rope_parameters"] = {
      {"rope_type", "default"}, {"rope_theta", 500.0}, {"partial_rotary_factor", 0.25}};
  EXPECT_EQ(attention_of(read(five)).rope.fraction, 0.25);
  EXPECT_EQ(attention_of(read(five)).rope.theta, 500);
  EXPECT_THAT(refusal(with(small_phi(), {{"partial_rotary_factor", 0.4}})), HasSubstr("an even number"));
  EXPECT_THAT(refusal(with(small_phi(), {{"partial_rotary_factor", 1.5}})), HasSubstr("fraction"));
  EXPECT_THAT(refusal(with(small_phi(), {{"qk_layernorm", true}})), HasSubstr("qk_layernorm"));
  EXPECT_THAT(refusal(with(small_phi(), {{"num_attention_heads", 3}})), HasSubstr("a divisor"));
}

TEST(Gpt2Config, RefusesOtherScales) {
  const Json config = {
      {"model_type", "gpt2"}, {"vocab_size", 32}, {"n_embd", 16}, {"n_layer", 2}, {"n_head", 2}};
  EXPECT_EQ(std::get<DenseFfnSpec>(read(config).blocks.front().ffn).width, 64);
  EXPECT_TRUE(read(config).tied_embeddings);
  EXPECT_THAT(refusal(with(config, {{"scale_attn_by_inverse_layer_idx", true}})), HasSubstr("inverse_layer"));
  EXPECT_THAT(refusal(with(config, {{"scale_attn_weights", false}})), HasSubstr("scale_attn_weights"));
  EXPECT_THAT(refusal(with(config, {{"n_embd", int64_t{1} << 61}})), HasSubstr("width"));
}

TEST(OptConfig, RefusesPostNormAndProjectedEmbeddings) {
  const Json config = {
      {"model_type", "opt"},    {"vocab_size", 32},         {"hidden_size", 16},        {"ffn_dim", 24},
      {"num_hidden_layers", 2}, {"num_attention_heads", 2}, {"word_embed_proj_dim", 16}};
  EXPECT_EQ(read(config).position_offset, 2);
  EXPECT_THAT(refusal(with(config, {{"do_layer_norm_before", false}})), HasSubstr("do_layer_norm_before"));
  EXPECT_THAT(refusal(with(config, {{"word_embed_proj_dim", 8}})), HasSubstr("word_embed_proj_dim"));
}

Json small_deepseek(const char* family, const Json& more = Json::object()) {
  return small(family, with({{"n_routed_experts", 6},
                             {"n_shared_experts", 2},
                             {"num_experts_per_tok", 2},
                             {"moe_intermediate_size", 5},
                             {"num_hidden_layers", 4},
                             {"first_k_dense_replace", 1},
                             {"moe_layer_freq", 1}},
                            more));
}

std::vector<bool> moe_layers(const ModelSpec& spec) {
  std::vector<bool> found;
  for (const auto& block : spec.blocks) found.push_back(moe_of(block) != nullptr);
  return found;
}

TEST(DeepseekConfig, WhichLayersHaveExperts) {
  EXPECT_THAT(moe_layers(read(small_deepseek("deepseek"))), ElementsAre(false, true, true, true));
  EXPECT_THAT(moe_layers(read(small_deepseek("deepseek", {{"moe_layer_freq", 2}}))),
              ElementsAre(false, false, true, false));
  EXPECT_THAT(moe_layers(read(small_deepseek("deepseek", {{"first_k_dense_replace", 0}}))),
              ElementsAre(true, true, true, true));
  EXPECT_THAT(refusal(small_deepseek("deepseek", {{"moe_layer_freq", 0}})), HasSubstr("moe_layer_freq"));
}

TEST(DeepseekConfig, ExpertsAndRouter) {
  const MoeSpec moe = *moe_of(read(small_deepseek("deepseek")).blocks.back());
  EXPECT_EQ(moe.widths, std::vector<int64_t>(6, 5));
  EXPECT_EQ(moe.shared_width, 10);
  EXPECT_EQ(moe.router.weight, ExpertWeight::score);
  const auto weight = [](const Json& change) {
    return moe_of(read(small_deepseek("deepseek", change)).blocks.back())->router.weight;
  };
  EXPECT_EQ(weight({{"norm_topk_prob", true}}), ExpertWeight::renormalised);
  EXPECT_EQ(weight({{"norm_topk_prob", true}, {"num_experts_per_tok", 1}}), ExpertWeight::score);
  const auto changed = [](const Json& change) { return refusal(small_deepseek("deepseek", change)); };
  EXPECT_THAT(changed({{"scoring_func", "sigmoid"}}), HasSubstr("scoring_func"));
  EXPECT_THAT(changed({{"n_routed_experts", nullptr}}), HasSubstr("n_routed_experts"));
  EXPECT_THAT(changed({{"n_routed_experts", 60000}, {"num_hidden_layers", 9000}}),
              HasSubstr("60000 experts in each of 9000 layers"));
  EXPECT_THAT(changed({{"n_shared_experts", 1 << 30}}), HasSubstr("n_shared_experts"));
  EXPECT_THAT(changed({{"num_experts_per_tok", 7}}), HasSubstr("top_k 7"));
}

Json small_latent(const char* family, const Json& more = Json::object()) {
  return small_deepseek(family, with({{"num_key_value_heads", 4},
                                      {"q_lora_rank", nullptr},
                                      {"kv_lora_rank", 7},
                                      {"qk_nope_head_dim", 6},
                                      {"qk_rope_head_dim", 4},
                                      {"v_head_dim", 5}},
                                     more));
}

// config.json of DeepSeek-V2 as it was published, but for sizes.
TEST(DeepseekV2Config, AsPublished) {
  const Json scaling = {
      {"beta_fast", 32}, {"beta_slow", 1},          {"factor", 40},
      {"mscale", 0.707}, {"mscale_all_dim", 0.707}, {"original_max_position_embeddings", 64},
      {"type", "yarn"}};
  const Json config = small_latent("deepseek_v2", {{"q_lora_rank", 9},
                                                   {"rope_scaling", scaling},
                                                   {"scoring_func", "softmax"},
                                                   {"topk_method", "group_limited_greedy"},
                                                   {"n_group", 3},
                                                   {"topk_group", 2},
                                                   {"routed_scaling_factor", 16.0},
                                                   {"aux_loss_alpha", 0.001},
                                                   {"seq_aux", true},
                                                   {"ep_size", 1},
                                                   {"attention_bias", false},
                                                   {"norm_topk_prob", false}});
  const ModelSpec spec = read(config);
  const RopeSpec rope = {.theta = 500000,
                         .scaling = RopeScaling::yarn,
                         .factor = 40,
                         .original_context = 64,
                         .mscale = 0.707,
                         .mscale_all_dim = 0.707,
                         .interleaved = true};
  const LatentAttentionSpec attention = {.heads = 4,
                                         .query_rank = 9,
                                         .latent_rank = 7,
                                         .plain_dim = 6,
                                         .rotary_dim = 4,
                                         .value_dim = 5,
                                         .rope = rope};
  for (const auto& block : spec.blocks) EXPECT_EQ(block.mixer, MixerSpec(attention));
  const RouterSpec router = {.weight = ExpertWeight::score,
                             .scale = 16,
                             .group_rule = GroupRule::best,
                             .groups = 3,
                             .kept_groups = 2};
  EXPECT_EQ(moe_of(spec.blocks.back())->router, router);
  const auto changed = [&](const Json& change) { return refusal(with(config, change)); };
  EXPECT_THAT(changed({{"topk_method", "noaux_tc"}}), HasSubstr("topk_method"));
  EXPECT_THAT(changed({{"norm_topk_prob", true}}), HasSubstr("routed_scaling_factor"));
  EXPECT_THAT(changed({{"n_group", 4}}), HasSubstr("6 experts in 4 groups"));
  EXPECT_THAT(changed({{"topk_group", 4}}), HasSubstr("4 groups kept"));
  EXPECT_THAT(changed({{"num_key_value_heads", 2}}), HasSubstr("num_key_value_heads"));
  EXPECT_THAT(changed({{"kv_lora_rank", nullptr}}), HasSubstr("kv_lora_rank"));
  EXPECT_THAT(changed({{"qk_rope_head_dim", 3}}), HasSubstr("rotary_dim 3"));
  Json unknown = config;
  unknown["rope_scaling"]["attention_factor"] = 1.2;
  EXPECT_THAT(refusal(unknown), HasSubstr("attention_factor"));
}

TEST(DeepseekV3Config, RouterAndDefaults) {
  const Json config =
      small_latent("deepseek_v3", {{"n_group", 3}, {"topk_group", 2}, {"num_nextn_predict_layers", 1}});
  const ModelSpec spec = read(config);
  const RouterSpec router = {.score = RouterScore::sigmoid,
                             .selection_bias = true,
                             .scale = 2.5,
                             .group_rule = GroupRule::best_two,
                             .groups = 3,
                             .kept_groups = 2};
  EXPECT_EQ(moe_of(spec.blocks.back())->router, router);
  EXPECT_TRUE(std::get<LatentAttentionSpec>(spec.blocks.front().mixer).rope.interleaved);
  EXPECT_EQ(moe_of(read(with(config, {{"n_group", 1}, {"topk_group", 1}})).blocks.back())->router.group_rule,
            GroupRule::none);
  const auto changed = [&](const Json& change) { return refusal(with(config, change)); };
  EXPECT_THAT(changed({{"scoring_func", "softmax"}}), HasSubstr("scoring_func"));
  EXPECT_THAT(changed({{"num_nextn_predict_layers", 2}}), HasSubstr("num_nextn_predict_layers"));
  EXPECT_THAT(changed({{"quantization_config", {{"quant_method", "fp8"}}}}),
              HasSubstr("quantization_config"));
}

TEST(PanguUltraMoeConfig, ReadsKeysOfBothReleases) {
  const Json common = {{"sandwich_norm", true}, {"routed_scaling_factor", 2.5}};
  const ModelSpec second = read(small_latent("pangu_ultra_moe", with(common, {{"moe_layer_freq", nullptr}})));
  Json first = small("pangu_ultra_moe", with(common, {{"num_hidden_layers", 4},
                                                      {"num_key_value_heads", 4},
                                                      {"num_routed_experts", 6},
                                                      {"num_shared_experts", 2},
                                                      {"num_experts_per_tok", 2},
                                                      {"moe_intermediate_size", 5},
                                                      {"num_dense_layers", 1},
                                                      {"attention_q_lora_dim", nullptr},
                                                      {"attention_kv_lora_dim", 7},
                                                      {"attention_qk_dim", 6},
                                                      {"attention_qk_rope_dim", 4},
                                                      {"attention_v_dim", 5}}));
  EXPECT_EQ(read(first), second);
  EXPECT_EQ(second.blocks[0].norms, NormPlacement::sandwich);
  EXPECT_EQ(moe_of(second.blocks[1])->router.score, RouterScore::sigmoid);
  EXPECT_EQ(moe_of(second.blocks[1])->router.weight, ExpertWeight::renormalised);
  EXPECT_THAT(refusal(with(first, {{"kv_lora_rank", 7}})), HasSubstr("both 'attention_kv_lora_dim'"));
}

// config.json of Pangu Pro MoE as it was published, but for sizes.
TEST(PanguProMoeConfig, OneExpertOfEachGroup) {
  const Json config = small("PanguProMoE", {{"num_experts", 8},
                                            {"num_experts_per_tok", 4},
                                            {"moe_intermediate_size", 5},
                                            {"shared_expert_intermediate_size", 9},
                                            {"output_router_logits", false},
                                            {"router_aux_loss_coef", 0.001}});
  const ModelSpec spec = read(config);
  const MoeSpec moe = *moe_of(spec.blocks.front());
  EXPECT_EQ(moe.router,
            (RouterSpec{.weight = ExpertWeight::scaled, .group_rule = GroupRule::each, .groups = 4}));
  EXPECT_EQ(moe.shared_width, 9);
  EXPECT_TRUE(attention_of(spec).qkv_bias && attention_of(spec).output_bias);
  EXPECT_THAT(refusal(with(config, {{"num_experts_per_tok", 3}})), HasSubstr("8 experts in 3 groups"));
  EXPECT_THAT(refusal(with(config, {{"norm_topk_prob", true}})), HasSubstr("norm_topk_prob"));
}

TEST(UnknownConfig, SaysWhatIsSupported) {
  EXPECT_THAT(refusal({{"model_type", "mamba"}}),
              AllOf(HasSubstr("model_type 'mamba'"), HasSubstr("llama, mixtral, mistral")));
  EXPECT_THAT(refusal({{"hidden_size", 16}}), HasSubstr("no model_type"));
  EXPECT_THAT(refusal(Json::array()), HasSubstr("no model_type"));
  EXPECT_THAT(refusal({{"model_type", 3}}), HasSubstr("no model_type"));
}

TEST(CoppiceConfig, IsStrict) {
  Rng rng(1);
  const ModelSpec spec = test::random_spec(rng);
  const Json config = families().get("coppice").write(spec);
  EXPECT_EQ(read(config), spec);
  EXPECT_THAT(refusal(with(config, {{"format_version", 2}})), HasSubstr("use a newer coppice"));
  EXPECT_THAT(refusal(with(config, {{"format_version", "1"}})), HasSubstr("format_version"));
  EXPECT_THAT(refusal(with(config, {{"specs", 1}})), HasSubstr("did you mean 'spec'?"));
  Json wrong = config;
  wrong["spec"]["widht"] = 3;
  EXPECT_THAT(refusal(wrong), HasSubstr("did you mean 'width'?"));
  wrong = config;
  wrong["spec"]["blocks"][0]["mixer"]["kind"] = "mamba";
  EXPECT_THAT(refusal(wrong), HasSubstr("unknown kind 'mamba'"));
  wrong = config;
  wrong["spec"]["blocks"] = Json::array();
  EXPECT_THAT(refusal(wrong), HasSubstr("no blocks"));
}

// The keys of the first release of LFM2-350M, smaller.
Json small_lfm2() {
  return Json::parse(
      R"({"architectures":["Lfm2ForCausalLM"],"model_type":"lfm2","vocab_size":32,"hidden_size":16,
    "block_dim":16,"block_ff_dim":30,"block_auto_adjust_ff_dim":true,"block_ffn_dim_multiplier":1.0,
    "block_multiple_of":8,"block_norm_eps":1e-5,"block_use_swiglu":true,"block_use_xavier_init":true,
    "block_mlp_init_scale":1.0,"block_out_init_scale":1.0,"conv_L_cache":3,"conv_bias":false,"conv_dim":16,
    "conv_dim_out":16,"conv_use_xavier_init":true,"full_attn_idxs":[2],"num_attention_heads":4,"num_heads":4,
    "num_key_value_heads":2,"num_hidden_layers":3,"max_position_embeddings":128,"norm_eps":1e-5,
    "rope_theta":1000000.0,"use_pos_enc":true,"bos_token_id":1,"eos_token_id":7,"pad_token_id":0,
    "torch_dtype":"bfloat16","transformers_version":"4.54.0","use_cache":true,"initializer_range":0.02})");
}

TEST(Lfm2Config, ReadsEveryField) {
  const AttentionSpec attention = {
      .heads = 4, .kv_heads = 2, .head_dim = 4, .rope = {.theta = 1e6}, .qk_norm = QkNorm::head};
  const ShortConvSpec conv = {.kernel_size = 3};
  const DenseFfnSpec ffn = {.width = 24};  // 2/3 of 30 are 20, rounded up to 24
  const ModelSpec expected = {.family = "lfm2",
                              .vocabulary = 32,
                              .width = 16,
                              .context = 128,
                              .tied_embeddings = true,
                              .norm_epsilon = 1e-5,
                              .bos_id = 1,
                              .eos_ids = {7},
                              .blocks = {{conv, ffn}, {conv, ffn}, {attention, ffn}}};
  EXPECT_EQ(read(small_lfm2()), expected);
  // As Transformers writes it later.
  Json later = small_lfm2();
  for (const char* key : {"full_attn_idxs", "block_ff_dim", "rope_theta", "num_heads"}) later.erase(key);
  later.update(Json{{"layer_types", {"conv", "conv", "full_attention"}},
                    {"intermediate_size", 30},
                    {"rope_parameters", {{"rope_theta", 1e6}, {"rope_type", "default"}}},
                    {"tie_word_embeddings", true}});
  EXPECT_EQ(read(later), expected);
}

TEST(Lfm2Config, WidthOfTheFeedForward) {
  const auto width = [](const Json& changes) {
    return std::get<DenseFfnSpec>(read(with(small_lfm2(), changes)).blocks.front().ffn).width;
  };
  EXPECT_EQ(width({{"block_auto_adjust_ff_dim", false}}), 30);
  EXPECT_EQ(width({{"block_ff_dim", 31}, {"block_multiple_of", 1}}), 20);
  EXPECT_EQ(width({{"block_ffn_dim_multiplier", 1.3}, {"block_multiple_of", 1}}), 26);
  EXPECT_EQ(width({{"block_ffn_dim_multiplier", nullptr}}), 20);
  // The published 1.2B: 12288 -> 8192.
  EXPECT_EQ(width({{"block_ff_dim", 12288}, {"block_multiple_of", 256}}), 8192);
}

TEST(Lfm2Config, WhatItCannotMeanIsRefused) {
  const auto refused = [](const Json& changes) { return refusal(with(small_lfm2(), changes)); };
  EXPECT_THAT(refused({{"full_attn_idxs", {3}}}), HasSubstr("layer 3, expected 0 to 2"));
  EXPECT_THAT(refused({{"full_attn_idxs", {-1}}}), HasSubstr("layer -1"));
  EXPECT_THAT(refused({{"layer_types", {"conv", "full_attention", "conv"}}}), HasSubstr("differ"));
  EXPECT_THAT(refused({{"layer_types", {"conv"}}}), HasSubstr("1 types"));
  EXPECT_THAT(refused({{"layer_types", {"conv", "conv", "mamba"}}}), HasSubstr("'mamba'"));
  EXPECT_THAT(refused({{"conv_L_cache", 0}}), HasSubstr("kernel_size"));
  EXPECT_THAT(refused({{"conv_dim", 8}}), HasSubstr("conv_dim"));
  EXPECT_THAT(refused({{"block_use_swiglu", false}}), HasSubstr("block_use_swiglu"));
  EXPECT_THAT(refused({{"use_pos_enc", false}}), HasSubstr("use_pos_enc"));
  EXPECT_THAT(refused({{"num_heads", 2}}), HasSubstr("num_heads"));
  EXPECT_THAT(refused({{"block_ff_dim", 0}}), HasSubstr("block_ff_dim"));
  EXPECT_THAT(refused({{"block_multiple_of", 0}}), HasSubstr("block_multiple_of"));
  EXPECT_THAT(refused({{"block_ffn_dim_multiplier", -1}}), HasSubstr("block_ffn_dim_multiplier"));
  EXPECT_THAT(refused({{"block_ffn_dim_multiplier", 1e300}}), HasSubstr("block_ffn_dim_multiplier"));
  EXPECT_THAT(refused({{"num_attention_heads", 3}}), HasSubstr("hidden_size 16 on 3 heads"));
  EXPECT_THAT(refused({{"conv_flavour", "new"}}), HasSubstr("conv_flavour"));
}

TEST(Lfm2MoeConfig, ExpertsBehindTheDenseLayers) {
  Json config = small_lfm2();
  for (const auto& key :
       {"block_ff_dim", "block_auto_adjust_ff_dim", "block_ffn_dim_multiplier", "block_multiple_of"})
    config.erase(key);
  config.update(Json{{"model_type", "lfm2_moe"},
                     {"num_dense_layers", 1},
                     {"intermediate_size", 20},
                     {"moe_intermediate_size", 6},
                     {"num_experts", 4},
                     {"num_experts_per_tok", 2},
                     {"routed_scaling_factor", 1.5}});
  const ModelSpec spec = read(config);
  EXPECT_EQ(spec.blocks[0].ffn, FfnSpec(DenseFfnSpec{.width = 20}));
  const MoeSpec moe = {.widths = {6, 6, 6, 6},
                       .top_k = 2,
                       .router = {.score = RouterScore::sigmoid,
                                  .weight = ExpertWeight::renormalised,
                                  .selection_bias = true,
                                  .scale = 1.5,
                                  .sum_epsilon = 1e-6}};
  EXPECT_EQ(spec.blocks[1].ffn, FfnSpec(moe));
  EXPECT_EQ(spec.blocks[2].ffn, FfnSpec(moe));
  const auto plain = read(with(config, {{"use_expert_bias", false}, {"norm_topk_prob", false}}));
  EXPECT_EQ(moe_of(plain.blocks[1])->router,
            (RouterSpec{.score = RouterScore::sigmoid, .weight = ExpertWeight::score, .scale = 1.5}));
  EXPECT_EQ(moe_of(read(with(config, {{"num_dense_layers", 9}})).blocks[2]), nullptr);
  EXPECT_THAT(refusal(with(config, {{"num_dense_layers", -1}})), HasSubstr("num_dense_layers"));
  EXPECT_THAT(refusal(with(config, {{"num_experts_per_tok", 5}})), HasSubstr("top_k 5"));
  EXPECT_THAT(refusal(with(config, {{"block_ff_dim", 30}})), HasSubstr("block_ff_dim"));
}

// Property: every spec survives JSON text; every writable family gives back what it wrote.
TEST(EverySpec, SurvivesItsConfig) {
  Rng rng(77);
  for (int i = 0; i < 300; ++i) {
    ModelSpec spec = i % 5 == 0   ? test::random_spec(rng)
                     : i % 5 == 1 ? test::random_llama_spec(rng)
                     : i % 5 == 2 ? test::random_lfm2_spec(rng)
                     : i % 5 == 3 ? test::random_lfm2_moe_spec(rng)
                                  : test::random_mixtral_spec(rng);
    Json text = parse_json(to_line(to_json(spec)), "spec");
    ModelSpec again = from_json<ModelSpec>(text, "spec");
    again.family = spec.family;
    EXPECT_EQ(again, spec) << text.dump();
    spec.family = writable_family(spec);
    EXPECT_EQ(read(parse_json(to_text(families().get(spec.family).write(spec)), "config.json")), spec);
  }
}

TEST(WritableFamily, IsTheMostWidelyReadableThatHoldsTheSpec) {
  Rng rng(8);
  const ModelSpec llama = test::random_llama_spec(rng), mixtral = test::random_mixtral_spec(rng);
  EXPECT_EQ(writable_family(llama), "llama");
  EXPECT_EQ(writable_family(mixtral), "mixtral");
  const auto changed = [](ModelSpec spec, const auto& change) {
    for (auto& block : spec.blocks) change(block);
    return writable_family(spec);
  };
  EXPECT_EQ(changed(llama, [](BlockSpec& b) { std::get<DenseFfnSpec>(b.ffn).gated = false; }), "coppice");
  EXPECT_EQ(changed(llama,
                    [](BlockSpec& b) {
                      std::get<AttentionSpec>(b.mixer).qkv_bias = false;
                      std::get<AttentionSpec>(b.mixer).output_bias = true;
                    }),
            "coppice");
  EXPECT_EQ(changed(mixtral, [](BlockSpec& b) { moe_of(b)->router.scale = 2; }), "coppice");
  EXPECT_EQ(changed(mixtral, [](BlockSpec& b) { moe_of(b)->router.weight = ExpertWeight::score; }),
            "coppice");
  // Shared experts that are not as wide as some routed ones together.
  EXPECT_EQ(changed(mixtral,
                    [](BlockSpec& b) {
                      for (int64_t& width : moe_of(b)->widths) width = 3;
                      moe_of(b)->shared_width = 4;
                    }),
            "coppice");
  EXPECT_EQ(changed(mixtral, [](BlockSpec& b) { moe_of(b)->widths.push_back(moe_of(b)->widths[0] + 1); }),
            "coppice");
  EXPECT_EQ(changed(mixtral, [](BlockSpec& b) { moe_of(b)->gated = false; }), "coppice");
}

Json reference_config(const char* name) {
  return read_json_file(fmt::format("{}/tests/data/families/{}.json", COPPICE_SOURCE, name))["config"];
}

// What Transformers and llama.cpp need to know of it is all there: what is absent would have a default of Qwen's.
TEST(WritableFamily, LlamaWithBiasesOnQueriesKeysAndValuesIsQwen2) {
  Json config = small_llama();
  config["rope_theta"] = 5e5;
  ModelSpec spec = read(config);
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).qkv_bias = true;
  ASSERT_EQ(writable_family(spec), "qwen2");
  const auto& attention = std::get<AttentionSpec>(spec.blocks[0].mixer);
  const Json written = families().get("qwen2").write(spec);
  EXPECT_EQ(written["model_type"], "qwen2");
  EXPECT_EQ(written["use_sliding_window"], false);
  EXPECT_EQ(written["sliding_window"], nullptr);
  EXPECT_EQ(written["max_window_layers"], spec.blocks.size());
  EXPECT_EQ(written["layer_types"], Json(std::vector<std::string>(spec.blocks.size(), "full_attention")));
  EXPECT_EQ(written["head_dim"], attention.head_dim);
  EXPECT_EQ(written["num_key_value_heads"], attention.kv_heads);
  EXPECT_EQ(written["max_position_embeddings"], spec.context);
  EXPECT_EQ(written["rms_norm_eps"], spec.norm_epsilon);
  EXPECT_EQ(written["rope_theta"], 5e5);
  EXPECT_FALSE(written.contains("attention_bias"));
  std::get<AttentionSpec>(spec.blocks[1].mixer).window = 16;
  const Json windows = families().get("qwen2").write(spec);
  EXPECT_EQ(windows["use_sliding_window"], true);
  EXPECT_EQ(windows["sliding_window"], 16);
  EXPECT_EQ(windows["max_window_layers"], 1);
  for (auto& block : spec.blocks) std::get<AttentionSpec>(block.mixer).rope.fraction = 0.5;
  EXPECT_EQ(writable_family(spec), "coppice");
}

TEST(GatedConfig, SaysWhichGatesLieInTheQueries) {
  Json config = reference_config("qwen3_gated_head");
  EXPECT_EQ(attention_of(read(config)).gate, AttentionGate::head);
  EXPECT_EQ(attention_of(read(config)).qk_norm, QkNorm::none);
  EXPECT_EQ(attention_of(read(reference_config("qwen3_gated_element"))).gate, AttentionGate::element);
  EXPECT_THAT(refusal(with(config, {{"elementwise_attn_output_gate", true}})),
              HasSubstr("expected one of them"));
  EXPECT_THAT(refusal(with(config, {{"qkv_bias", true}})), HasSubstr("qkv_bias"));
  EXPECT_THAT(refusal(with(config, {{"attention_bias", true}})),
              HasSubstr("attention_bias with gated attention"));
  EXPECT_THAT(refusal(with(config, {{"num_key_value_heads", 3}})), HasSubstr("4 query heads on 3"));
  // Gates and biases together only our own files hold.
  ModelSpec spec = read(config);
  EXPECT_EQ(writable_family(spec), "qwen3");
  for (auto& block : spec.blocks) {
    auto& attention = std::get<AttentionSpec>(block.mixer);
    attention.qkv_bias = attention.output_bias = true;
  }
  EXPECT_EQ(writable_family(spec), "coppice");
}

TEST(PhiMoeConfig, ReadsLongRopeUpToTheOriginalContext) {
  const Json config = reference_config("phimoe");
  const ModelSpec spec = read(with(config, {{"max_position_embeddings", 131072}}));
  EXPECT_EQ(spec.context, 64);
  EXPECT_EQ(attention_of(spec).rope.factors, (std::vector<double>{1.0, 1.3}));
  EXPECT_EQ(rope_amplitude(attention_of(spec).rope), 1.243163121016122);
  EXPECT_EQ(read(reference_config("grinmoe")).context, 64);
  const auto with_rope = [&](const char* key, const Json& value) {
    Json changed = config;
    changed["rope_scaling"][key] = value;
    return refusal(changed);
  };
  EXPECT_THAT(with_rope("short_factor", {1.0}), HasSubstr("1 rope factors, expected 2"));
  EXPECT_THAT(with_rope("short_factor", {1.0, 0.0}), HasSubstr("factors"));
  EXPECT_THAT(with_rope("short_factor", "x"), HasSubstr("short_factor"));
  EXPECT_THAT(with_rope("short_mscale", nullptr), HasSubstr("short_mscale"));
  EXPECT_THAT(with_rope("factor_of_mine", 2), HasSubstr("factor_of_mine"));
  EXPECT_THAT(refusal(with(config, {{"num_experts_per_tok", 3}})), HasSubstr("num_experts_per_tok"));
  EXPECT_THAT(refusal(with(config, {{"router_jitter_noise", -1}})), HasSubstr("jitter"));
  EXPECT_THAT(refusal(with(small_llama(), {{"rope_scaling", config["rope_scaling"]}})),
              HasSubstr("short_factor"));
}

TEST(MiniCpmConfig, ReadsItsScales) {
  const ModelSpec spec = read(reference_config("minicpm"));
  EXPECT_EQ(spec.embedding_scale, 12);
  EXPECT_EQ(spec.residual_scale, 1.4 / std::sqrt(3.0));
  EXPECT_EQ(spec.logit_scale, 0.5);
  // Written with the number that was read.
  const Json again = families().get("minicpm").write(spec);
  EXPECT_EQ(again["scale_depth"], 1.4);
  EXPECT_EQ(again["dim_model_base"], 8);
  const Json block = reference_config("blockffn");
  const MoeSpec& moe = *moe_of(read(block).blocks.front());
  EXPECT_EQ(moe.router.score, RouterScore::relu_norm);
  EXPECT_EQ(moe.top_k, 6);
  EXPECT_FALSE(moe.gated);
  EXPECT_THAT(refusal(with(block, {{"ffn_type", "block_linear"}})), HasSubstr("block_linear"));
  EXPECT_THAT(refusal(with(block, {{"ffn_type", "moe"}})), HasSubstr("ffn_type"));
  EXPECT_THAT(refusal(with(block, {{"norm_after_router", "sum"}})), HasSubstr("norm_after_router"));
  EXPECT_THAT(refusal(with(block, {{"norm_after_router", nullptr}})), HasSubstr("norm_after_router"));
  EXPECT_THAT(refusal(with(block, {{"router_act", "sigmoid"}})), HasSubstr("router_act"));
  EXPECT_THAT(refusal(with(block, {{"v_head_dim", 5}})), HasSubstr("v_head_dim"));
  EXPECT_THAT(refusal(with(block, {{"num_experts", 1 << 20}})), HasSubstr("num_experts"));
  EXPECT_THAT(refusal(with(reference_config("minicpm"), {{"num_experts", 8}})), HasSubstr("num_experts"));
  EXPECT_THAT(refusal(with(reference_config("minicpm"), {{"scale_emb", 0}})), HasSubstr("embedding_scale"));
}

TEST(Scales, OnlyFamiliesThatHaveThemHoldThem) {
  ModelSpec spec = read(small_llama());
  EXPECT_EQ(writable_family(spec), "llama");
  spec.residual_scale = 0.5;
  EXPECT_EQ(writable_family(spec), "minicpm");
  ModelSpec encoder = read(reference_config("bert"));
  EXPECT_EQ(writable_family(encoder), "bert");
  encoder.embedding_scale = 2;
  EXPECT_EQ(writable_family(encoder), "coppice");
}

}  // namespace
}  // namespace coppice
