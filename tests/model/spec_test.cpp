#include "model/spec.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <set>

#include <gmock/gmock.h>

#include "model/random_model.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using testing::HasSubstr;

TEST(RopeFrequencies, PlainOnesAreThePowersOfTheta) {
  const auto plain = rope_frequencies({.theta = 10000}, 8);
  ASSERT_EQ(plain.size(), 4u);
  for (size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(plain[i], std::pow(10.0, -static_cast<double>(i)));
  const auto linear = rope_frequencies({.theta = 10000, .scaling = RopeScaling::linear, .factor = 4}, 8);
  for (size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(linear[i], plain[i] / 4);
}

// The rule as the Llama 3.1 release states it, by wavelength.
TEST(RopeFrequencies, Llama3KeepsShortWavesAndStretchesLongOnes) {
  const RopeSpec rope = {.theta = 500000,
                         .scaling = RopeScaling::llama3,
                         .factor = 8,
                         .low_frequency_factor = 1,
                         .high_frequency_factor = 4,
                         .original_context = 8192};
  const auto plain = rope_frequencies({.theta = 500000}, 128), scaled = rope_frequencies(rope, 128);
  int kept = 0, stretched = 0, blended = 0;
  for (size_t i = 0; i < plain.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / plain[i];
    if (wavelength < 8192.0 / 4) {
      EXPECT_DOUBLE_EQ(scaled[i], plain[i]);
      ++kept;
    } else if (wavelength > 8192.0) {
      EXPECT_DOUBLE_EQ(scaled[i], plain[i] / 8);
      ++stretched;
    } else {
      const double smooth = (8192 / wavelength - 1) / (4.0 - 1.0);
      EXPECT_NEAR(scaled[i], (1 - smooth) * plain[i] / 8 + smooth * plain[i], 1e-15);
      ++blended;
    }
  }
  EXPECT_GT(kept, 0);
  EXPECT_GT(stretched, 0);
  EXPECT_GT(blended, 0);
}

// The blend as the paper has it, by how often a plane turns within the original context.
TEST(RopeFrequencies, YarnKeepsWhatTurnsOftenAndStretchesWhatTurnsSeldom) {
  const RopeSpec rope = {.theta = 10000,
                         .scaling = RopeScaling::yarn,
                         .factor = 40,
                         .original_context = 4096,
                         .beta_fast = 32,
                         .beta_slow = 1,
                         .mscale = 0.707,
                         .mscale_all_dim = 0.707};
  const auto plain = rope_frequencies({.theta = 10000}, 64), scaled = rope_frequencies(rope, 64);
  for (size_t i = 0; i < plain.size(); ++i) {
    const double turns = 4096 * plain[i] / (2 * std::numbers::pi);
    // The blend begins and ends at whole planes, one beyond the exact bounds at most.
    const double step = std::pow(10000, 2.0 / 64);
    if (turns > 32 * step) {
      EXPECT_DOUBLE_EQ(scaled[i], plain[i]) << i;
    }
    if (turns < 1 / step) {
      EXPECT_DOUBLE_EQ(scaled[i], plain[i] / 40) << i;
    }
    EXPECT_LE(scaled[i], plain[i]);
    EXPECT_GE(scaled[i], plain[i] / 40 * (1 - 1e-12));
  }
  // The bounds of DeepSeek-V2, by hand: planes 10 to 23 of 32.
  EXPECT_DOUBLE_EQ(scaled[10], plain[10]);
  EXPECT_LT(scaled[11], plain[11]);
  EXPECT_GT(scaled[22], plain[22] / 40);
  EXPECT_DOUBLE_EQ(scaled[23], plain[23] / 40);
  const double magnitude = 0.1 * 0.707 * std::log(40.0) + 1;
  EXPECT_DOUBLE_EQ(rope_amplitude(rope), 1);
  EXPECT_DOUBLE_EQ(rope_score_scale(rope), magnitude * magnitude);
  EXPECT_DOUBLE_EQ(rope_score_scale({.theta = 10000}), 1);
}

TEST(TensorTable, NamesAreUniqueAndCountIsTheirSum) {
  Rng rng(3);
  for (int i = 0; i < 200; ++i) {
    const ModelSpec spec = test::random_spec(rng);
    std::set<std::string> names;
    int64_t total = 0;
    for (const auto& tensor : tensor_table(spec)) {
      EXPECT_TRUE(names.insert(tensor.name).second) << tensor.name;
      if (!tensor.integer) total += tensor.count();
    }
    EXPECT_EQ(count_parameters(spec).total, total);
    EXPECT_EQ(names.contains("lm_head.weight"), !spec.tied_embeddings);
  }
}

// Active parameters are what is left when every expert beyond the top_k widest is deleted.
TEST(CountParameters, ActiveEqualsTheModelWithItsIdleExpertsCutOut) {
  Rng rng(4);
  for (int i = 0; i < 200; ++i) {
    ModelSpec spec = test::random_spec(rng);
    int64_t idle = 0;
    for (auto& block : spec.blocks) {
      MoeSpec* moe = moe_of(block);
      if (moe == nullptr) continue;
      auto widths = moe->widths;
      std::ranges::sort(widths, std::greater<>());
      const auto used = std::accumulate(widths.begin(), widths.begin() + moe->top_k, int64_t{0});
      const auto all = moe->storage == ExpertStorage::indexed
                           ? moe->dense_width
                           : std::accumulate(widths.begin(), widths.end(), int64_t{0});
      idle += (moe->gated ? 3 : 2) * spec.width * std::max<int64_t>(0, all - used);
    }
    const ParameterCount count = count_parameters(spec);
    EXPECT_EQ(count.total - count.active, idle);
    EXPECT_EQ(count.ffn_total - count.ffn_active, idle);
    EXPECT_LE(count.ffn_total, count.total);
  }
}

TEST(CountParameters, MixtralByHand) {
  const AttentionSpec attention = {.heads = 4, .kv_heads = 2, .head_dim = 4};
  const MoeSpec moe = {.widths = {24, 24, 24, 24}, .top_k = 2};
  const ModelSpec spec = {.vocabulary = 32, .width = 16, .context = 8, .blocks = {{attention, moe}}};
  const int64_t expert = 3 * 16 * 24;
  const int64_t rest = 2 * 32 * 16 + 16 * 4 * (2 * 4 + 2 * 2) + 3 * 16 + 4 * 16;
  const ParameterCount count = count_parameters(spec);
  EXPECT_EQ(count.total, rest + 4 * expert);
  EXPECT_EQ(count.active, rest + 2 * expert);
  EXPECT_EQ(count.ffn_total, 4 * expert);
  EXPECT_EQ(count.ffn_active, 2 * expert);
}

// DeepSeek-V2: 236B parameters, of which 21B are active for a token.
TEST(CountParameters, DeepSeekV2AsPublished) {
  const LatentAttentionSpec attention = {.heads = 128,
                                         .query_rank = 1536,
                                         .latent_rank = 512,
                                         .plain_dim = 128,
                                         .rotary_dim = 64,
                                         .value_dim = 128};
  const MoeSpec moe = {.widths = std::vector<int64_t>(160, 1536), .top_k = 6, .shared_width = 2 * 1536};
  ModelSpec spec = {.vocabulary = 102400, .width = 5120, .context = 163840};
  spec.blocks.assign(60, {attention, moe});
  spec.blocks[0].ffn = DenseFfnSpec{.width = 12288};
  const ParameterCount count = count_parameters(spec);
  EXPECT_NEAR(static_cast<double>(count.total), 236e9, 1e9);
  EXPECT_NEAR(static_cast<double>(count.active), 21e9, 1e9);
}

// GLaM 64B/64E (Du et al. 2021): 1.2T parameters, of which 97B are active for a token.
TEST(CountParameters, GlamAsPublished) {
  const AttentionSpec attention = {.heads = 128, .kv_heads = 128, .head_dim = 128};
  const DenseFfnSpec dense = {.width = 32768, .activation = Activation::gelu};
  const MoeSpec moe = {
      .widths = std::vector<int64_t>(64, 32768), .top_k = 2, .gated = false, .activation = Activation::gelu};
  ModelSpec spec = {.vocabulary = 256000, .width = 8192, .context = 1024, .tied_embeddings = true};
  for (int pair = 0; pair < 32; ++pair) {
    spec.blocks.push_back({attention, dense});
    spec.blocks.push_back({attention, moe});
  }
  const ParameterCount count = count_parameters(spec);
  EXPECT_NEAR(static_cast<double>(count.total), 1.16e12, 0.01e12);
  EXPECT_NEAR(static_cast<double>(count.active), 96.6e9, 0.5e9);
}

class InvalidSpec : public testing::Test {
 protected:
  InvalidSpec() {
    Rng rng(12);
    spec_ = test::random_mixtral_spec(rng);
  }
  MoeSpec& moe() { return *moe_of(spec_.blocks.back()); }
  AttentionSpec& attention() { return std::get<AttentionSpec>(spec_.blocks.back().mixer); }
  std::string complaint() {
    return error_of([&] { validate(spec_, "spec"); });
  }
  ModelSpec spec_;
};

TEST_F(InvalidSpec, IsToldApart) {
  EXPECT_NO_THROW(validate(spec_, "spec"));
  const ModelSpec good = spec_;
  moe().top_k = moe().experts() + 1;
  EXPECT_THAT(complaint(), HasSubstr("top_k"));
  spec_ = good;
  moe().widths.clear();
  EXPECT_THAT(complaint(), HasSubstr("no experts"));
  spec_ = good;
  moe().storage = ExpertStorage::indexed;
  moe().dense_width = moe().widths[0] - 1;
  EXPECT_THAT(complaint(), HasSubstr("at most the dense width"));
  spec_ = good;
  attention().kv_heads = attention().heads + 1;
  EXPECT_THAT(complaint(), HasSubstr("a multiple"));
  spec_ = good;
  attention().head_dim = 3;
  EXPECT_THAT(complaint(), HasSubstr("even"));
  attention().rope.fraction = 0;
  EXPECT_NO_THROW(validate(spec_, "spec"));
  spec_ = good;
  attention().head_dim = 10;
  attention().rope.fraction = 0.5;
  EXPECT_THAT(complaint(), HasSubstr("5 of head_dim 10 rotated"));
  spec_ = good;
  moe().shared_gate = true;
  EXPECT_THAT(complaint(), HasSubstr("gate of the shared expert"));
  spec_ = good;
  moe().router.group_rule = GroupRule::each;
  moe().router.groups = moe().experts() + 1;
  EXPECT_THAT(complaint(), HasSubstr("equally many in each"));
  moe().widths.assign(6, 4);
  moe().router.groups = 3;
  moe().top_k = 2;
  EXPECT_THAT(complaint(), HasSubstr("top_k 2 of 3 groups"));
  moe().router.group_rule = GroupRule::best;
  moe().router.kept_groups = 4;
  EXPECT_THAT(complaint(), HasSubstr("4 groups kept"));
  moe().router.kept_groups = 1;
  moe().top_k = 3;
  EXPECT_THAT(complaint(), HasSubstr("at most the 2 experts of 1 groups"));
  moe().router.group_rule = GroupRule::best_two;
  moe().router.groups = 6;
  moe().top_k = 1;
  EXPECT_THAT(complaint(), HasSubstr("groups of one expert"));
  spec_ = good;
  moe().router.source = RouterSource::sparsity;
  EXPECT_THAT(complaint(), HasSubstr("a router by expected sparsity"));
  moe().gated = false;
  moe().activation = Activation::relu;
  moe().widths.assign(4, 1);
  moe().top_k = 1;
  EXPECT_THAT(complaint(), HasSubstr("an expert of 1 neurons"));
  spec_ = good;
  attention().rope = {.theta = 1, .scaling = RopeScaling::yarn};
  EXPECT_THAT(complaint(), HasSubstr("theta 1 with yarn"));
  attention().rope = {.scaling = RopeScaling::yarn, .beta_fast = 1, .beta_slow = 2};
  EXPECT_THAT(complaint(), HasSubstr("beta_fast below beta_slow"));
  spec_ = good;
  spec_.blocks.back().mixer = LatentAttentionSpec{.rotary_dim = 5};
  EXPECT_THAT(complaint(), HasSubstr("rotary_dim 5"));
  spec_.blocks.back().mixer = LatentAttentionSpec{.rope = {.fraction = 0.5}};
  EXPECT_THAT(complaint(), HasSubstr("rope fraction 0.5"));
  spec_ = good;
  spec_.blocks.clear();
  EXPECT_THAT(complaint(), HasSubstr("no blocks"));
  spec_ = good;
  spec_.vocabulary = 1 << 28;
  spec_.width = int64_t{1} << 30;
  EXPECT_THAT(complaint(), HasSubstr("parameters"));
  spec_ = good;
  moe().widths.assign(static_cast<size_t>(max_experts_in_model) + 1, 0);
  EXPECT_THAT(complaint(), HasSubstr("experts"));
}

TEST_F(InvalidSpec, RoutersByWordsAreToldApart) {
  const WordBlock unknown{1, 1};
  moe().widths = {4, 4, 4};
  moe().top_k = 1;
  moe().router = {.source = RouterSource::word, .score = RouterScore::none, .weight = ExpertWeight::one};
  moe().router.word_blocks = {unknown, {7, 2}};
  EXPECT_THAT(complaint(), HasSubstr("a router by words without a routing_vocabulary"));
  spec_.routing_vocabulary = {.entries = 8, .longest = 2};
  EXPECT_NO_THROW(validate(spec_, "spec"));
  const ModelSpec good = spec_;
  spec_.routing_vocabulary->entries = 9;
  EXPECT_THAT(complaint(), HasSubstr("8 words in word_blocks, expected all 9"));
  spec_ = good;
  moe().top_k = 2;
  EXPECT_THAT(complaint(), HasSubstr("a router by words that takes several experts"));
  spec_ = good;
  moe().router.weight = ExpertWeight::renormalised;
  EXPECT_THAT(complaint(), HasSubstr("weight 'one'"));
  spec_ = good;
  moe().router.word_blocks = {{2, 1}, {6, 2}};
  EXPECT_THAT(complaint(), HasSubstr("without an expert for what is unknown"));
  moe().router.word_blocks.clear();
  EXPECT_THAT(complaint(), HasSubstr("without an expert for what is unknown"));
  moe().router.word_blocks = {unknown, {6, 1}, {1, 2}};
  EXPECT_THAT(complaint(), HasSubstr("2 experts for 1 words"));
  moe().router.word_blocks = {unknown, {7, 1}};
  EXPECT_THAT(complaint(), HasSubstr("2 experts in word_blocks, expected the 3"));
  moe().widths.clear();
  EXPECT_THAT(complaint(), HasSubstr("no experts"));
  spec_ = good;
  moe().router.source = RouterSource::linear;
  EXPECT_THAT(complaint(), HasSubstr("blocks of words and a router of source 'linear'"));
  moe().router = {};
  EXPECT_THAT(complaint(), HasSubstr("a routing vocabulary that no router reads"));
}

}  // namespace
}  // namespace coppice
