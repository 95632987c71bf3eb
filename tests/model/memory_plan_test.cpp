// Plans of memory against what a decoder then has.

#include "model/memory_plan.h"

#include <gmock/gmock.h>

#include "model/decoder.h"
#include "model/kv_cache.h"
#include "numeric_model.h"
#include "support.h"

namespace coppice {
namespace {

using test::data_folder;
using test::error_of;
using testing::HasSubstr;
using testing::Not;

TEST(MemoryPlan, IsWhatTheDecoderReads) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const auto files = open_model(data_folder() / "stories260k-hf");
  const MemoryPlan plan = plan_memory(*files, {.length = 64, .rows = 64});
  Decoder decoder(files);
  EXPECT_NEAR(static_cast<double>(plan.bytes_per_token), static_cast<double>(decoder.bytes_per_token()),
              0.05 * static_cast<double>(decoder.bytes_per_token()));
  EXPECT_EQ(plan.weight_bytes, files->total_bytes());
  EXPECT_GE(plan.other_weight_bytes, plan.weight_bytes) << "panels are filled up with zeros";
  EXPECT_EQ(plan.experts.count, 0);
  const auto cache = decoder.new_cache();
  const std::vector<int32_t> ids(64, 5);
  const Decoder::Input input{.tokens = ids, .cache = cache.get()};
  decoder.forward({&input, 1});
  EXPECT_EQ(plan.cache_bytes, 5 * 2 * 4 * 8 * 64 * 4)
      << "layers, keys and values, heads, head width, positions";
  EXPECT_GE(cache->bytes(), plan.cache_bytes);
}

TEST(MemoryPlan, GrowsWithSequencesAndNotWithWindows) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const auto files = open_model(data_folder() / "stories260k-hf");
  const auto cache = [&](int64_t sequences, int64_t length, KvType type = KvType::f32) {
    return plan_memory(*files, {.sequences = sequences, .length = length, .kv_type = type}).cache_bytes;
  };
  EXPECT_EQ(cache(8, 64), 8 * cache(1, 64));
  EXPECT_EQ(cache(1, 512), 8 * cache(1, 64));
  EXPECT_EQ(cache(1, 64, KvType::bf16), cache(1, 64) / 2);
  EXPECT_EQ(plan_memory(*files, {.sequences = 8, .length = 64}).bytes_per_token,
            plan_memory(*files, {.length = 64}).bytes_per_token);
}

TEST(MemoryPlan, TooMuchIsRefusedWithWhatToDo) {
  const MemoryPlan large_context{.cache_bytes = 100, .pass_bytes = 5, .other_weight_bytes = 10};
  EXPECT_NO_THROW(require_memory(large_context, 115, "m"));
  EXPECT_THAT(error_of([&] { require_memory(large_context, 114, "m"); }, Fault::resource),
              HasSubstr("shorter context"));
  EXPECT_THAT(error_of([&] { require_memory({.other_weight_bytes = 200}, 114, "m"); }, Fault::resource),
              HasSubstr("quantize"));
  const MemoryPlan experts{.experts = {.count = 4, .largest_bytes = 50, .bytes = 200}, .kept_experts = 4};
  EXPECT_THAT(error_of([&] { require_memory(experts, 114, "m"); }, Fault::resource), HasSubstr("--memory"));
  EXPECT_GT(available_memory(), 0);
  EXPECT_GT(resident_memory(), 0);
}

// 10 experts of at most 100 bytes, 950 in all; 1000 bytes of all else.
MemoryPlan with_experts() {
  return {.cache_bytes = 300,
          .pass_bytes = 100,
          .experts = {.count = 10, .largest_bytes = 100, .bytes = 950},
          .program_bytes = 50,
          .other_weight_bytes = 500,
          .passing_bytes = 50,
          .expert_bytes_per_token = 380,
          .kept_experts = 10};
}

TEST(MemoryPlan, ABudgetKeepsAsManyExpertsAsHaveRoom) {
  const auto kept = [](int64_t budget) {
    MemoryPlan plan = with_experts();
    fit_into(plan, budget);
    EXPECT_LE(plan.resident_bytes(), budget);
    return plan.kept_experts;
  };
  EXPECT_EQ(with_experts().resident_bytes(), 1950);
  EXPECT_EQ(kept(1950), 10);
  EXPECT_EQ(kept(1949), 9);
  EXPECT_EQ(kept(1899), 8);
  EXPECT_EQ(kept(1100), 1);
  MemoryPlan plan = with_experts();
  EXPECT_EQ(expert_memory(plan).bytes, 0) << "no limit";
  EXPECT_EQ(plan.expected_read_per_token(), 0);
  fit_into(plan, 1500);
  EXPECT_EQ(expert_memory(plan).bytes, 500);
  EXPECT_DOUBLE_EQ(plan.expected_hit_rate(), 0.5);
  EXPECT_DOUBLE_EQ(plan.expected_read_per_token(), 190);
}

TEST(MemoryPlan, ABudgetBelowOneExpertIsRefusedWithNumbers) {
  MemoryPlan plan = with_experts();
  const std::string layer = error_of([&] { fit_into(plan, 1099); }, Fault::resource);
  EXPECT_THAT(layer, HasSubstr("at least 1.07 KiB"));  // 1100 bytes
  EXPECT_THAT(layer, HasSubstr("the largest expert"));
  EXPECT_THAT(layer, HasSubstr("quantize the model"));
  plan.cache_bytes = 5000;
  EXPECT_THAT(error_of([&] { fit_into(plan, 1099); }, Fault::resource), HasSubstr("shorter context"));
  MemoryPlan dense = with_experts();
  dense.experts = {}, dense.kept_experts = 0;
  EXPECT_NO_THROW(fit_into(dense, 1000));
  const std::string whole = error_of([&] { fit_into(dense, 999); }, Fault::resource);
  EXPECT_THAT(whole, HasSubstr("only experts can stay in the file"));
  EXPECT_THAT(whole, Not(HasSubstr("largest expert")));
}

// The plan's sizes against a decoder that keeps to it.
TEST(MemoryPlan, SaysWhatAModelWithExpertsTakes) {
  ModelSpec spec{.vocabulary = 50, .width = 32, .context = 64, .tied_embeddings = false};
  const AttentionSpec attention = {.heads = 4, .kv_heads = 2, .head_dim = 8};
  spec.blocks.assign(3, {attention, MoeSpec{.widths = std::vector<int64_t>(8, 64), .top_k = 2}});
  const test::NumericModel model(spec, 1);
  const auto files = model.open();
  const MemoryPlan plan = plan_memory(*files, {.length = 16, .rows = 16});
  const int64_t expert = 3 * 64 * 32 * 4;
  EXPECT_EQ(plan.experts.bytes, 24 * expert);
  EXPECT_EQ(plan.expert_bytes_per_token, 3 * 2 * expert);
  EXPECT_EQ(plan_memory(*files, {.length = 16, .top_k = 5}).expert_bytes_per_token, 3 * 5 * expert);
  // Projections, whose rows and columns are whole panels but for the keys and values of 16 rows; the head and a router of 8
  // rows fill up panels too. Two norms of a block and the last one, and the embedding as it lies in the file.
  const int64_t attention_bytes = 4 * (2 * 32 * 32 + 2 * 32 * 32), router = 4 * 32 * 32, norms = 4 * 2 * 32;
  EXPECT_EQ(plan.other_weight_bytes,
            3 * (attention_bytes + router + norms) + 4 * 32 + 4 * 64 * 32 + 4 * 50 * 32);
  EXPECT_GT(measure_packing(files, WeightType::as_stored), 0);
  EXPECT_EQ(measure_packing(test::NumericModel({.vocabulary = 50,
                                                .width = 32,
                                                .context = 64,
                                                .blocks = {{attention, DenseFfnSpec{.width = 32}}}},
                                               1)
                                .open(),
                            WeightType::as_stored),
            0);
}

}  // namespace
}  // namespace coppice
