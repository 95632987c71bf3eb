// Experts that are packed when they are wanted, with a limit and without: the order in which they make room against a list,
// their numbers against the file's, and a decoder's output against that of one without a limit.

#include "model/expert_store.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <list>
#include <numeric>
#include <thread>

#include <gmock/gmock.h>

#include "base/parallel.h"
#include "model/kv_cache.h"
#include "model/memory_plan.h"
#include "numeric_model.h"

namespace coppice {
namespace {

using test::error_of;
using test::NumericModel;
using testing::HasSubstr;

constexpr int64_t width = 32, experts_per_layer = 8;

ModelSpec spec_of(const MoeSpec& moe, NormPlacement norms = NormPlacement::pre) {
  const AttentionSpec attention = {.heads = 4, .kv_heads = 2, .head_dim = 8};
  BlockSpec block{attention, moe};
  block.norms = norms;
  return {.vocabulary = 50, .width = width, .context = 64, .blocks = {block, block, block}};
}

ModelSpec plain_spec() {
  return spec_of({.widths = std::vector<int64_t>(experts_per_layer, 40), .top_k = 2});
}

// A store of all experts of a model, in the order of the layers.
struct Store {
  Store(const NumericModel& model, int64_t slots, bool look_ahead, WeightType type = WeightType::f32)
      : files(model.open()),
        weights(files, type),
        sizes(ExpertSizes::of(*files, type)),
        experts(weights, type, PackWhen::at_load,
                {.bytes = slots * sizes.largest_bytes, .look_ahead = look_ahead}) {
    for (size_t layer = 0; layer < files->spec().blocks.size(); ++layer) {
      const MoeSpec& moe = *moe_of(files->spec().blocks[layer]);
      for (int64_t e = 0; e < moe.experts(); ++e) {
        names.push_back(expert_matrices(fmt::format("model.layers.{}.mlp.experts.{}.", layer, e), moe.gated));
        experts.add(names.back());
      }
    }
  }

  // Every weight of a held expert is the file's.
  void check(const NumericModel& model, int64_t expert) {
    const auto matrices = experts.matrices(expert);
    for (size_t i = 0; i < matrices.size(); ++i) {
      const Matrix& matrix = matrices[i];
      const auto& want = const_cast<NumericModel&>(model).floats(names[static_cast<size_t>(expert)][i]);
      std::vector<float> row(static_cast<size_t>(matrix.columns));
      for (int64_t r = 0; r < matrix.rows; ++r) {
        copy_row(matrix, r, row.data());
        ASSERT_TRUE(std::equal(row.begin(), row.end(), want.begin() + r * matrix.columns))
            << "expert " << expert << ", matrix " << i << ", row " << r;
      }
    }
  }

  std::shared_ptr<const ModelDirectory> files;
  WeightStore weights;
  ExpertSizes sizes;
  std::vector<std::vector<std::string>> names;
  ExpertStore experts;
};

std::vector<int64_t> some_experts(int64_t count, int64_t most, Rng& rng) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  rng.shuffle(all);
  all.resize(1 + rng.below(static_cast<uint64_t>(most)));
  std::sort(all.begin(), all.end());
  return all;
}

TEST(ExpertStore, PacksWhatIsWantedAndKeepsItWithoutALimit) {
  const NumericModel model(plain_spec(), 1);
  Store store(model, 0, true);
  EXPECT_FALSE(store.experts.looks_ahead());
  EXPECT_EQ(store.experts.traffic().packed_bytes, 0);
  const std::vector<int64_t> wanted = {3, 7, 20};
  {
    const auto held = store.experts.hold(wanted);
    for (const int64_t e : wanted) store.check(model, e);
  }
  for (int64_t e = 0; e < store.sizes.count; ++e)
    EXPECT_EQ(store.experts.is_resident(e), std::ranges::count(wanted, e) == 1) << e;
  store.experts.hold(std::vector<int64_t>{3, 4});
  const ExpertTraffic traffic = store.experts.traffic();
  EXPECT_EQ(traffic.uses, 5);
  EXPECT_EQ(traffic.hits, 1);
  EXPECT_EQ(traffic.packed_bytes, 4 * store.sizes.largest_bytes);
  EXPECT_EQ(traffic.evictions, 0);
}

TEST(ExpertStore, TheLeastRecentlyUsedMakesRoom) {
  const NumericModel model(plain_spec(), 2);
  for (const int64_t slots : {1, 2, 5, 23}) {
    Store store(model, slots, false);
    Rng rng(static_cast<uint64_t>(slots));
    std::list<int64_t> kept;  // the last used first
    ExpertTraffic want;
    for (int round = 0; round < 200; ++round) {
      const auto wanted = some_experts(store.sizes.count, slots, rng);
      // All are touched, in their order, before one makes room.
      std::vector<int64_t> missing;
      for (const int64_t e : wanted) {
        ++want.uses;
        const auto found = std::ranges::find(kept, e);
        if (found == kept.end()) {
          missing.push_back(e);
          continue;
        }
        ++want.hits;
        kept.erase(found);
      }
      while (static_cast<int64_t>(kept.size() + wanted.size()) > slots) {
        kept.pop_back();
        ++want.evictions;
      }
      for (const int64_t e : wanted) kept.push_front(e);
      want.packed_bytes += static_cast<int64_t>(missing.size()) * store.sizes.largest_bytes;

      const auto held = store.experts.hold(wanted);
      for (int64_t e = 0; e < store.sizes.count; ++e)
        ASSERT_EQ(store.experts.is_resident(e), std::ranges::count(kept, e) == 1) << round << ' ' << e;
      const ExpertTraffic got = store.experts.traffic();
      ASSERT_EQ(got.uses, want.uses);
      ASSERT_EQ(got.hits, want.hits);
      ASSERT_EQ(got.evictions, want.evictions);
      ASSERT_EQ(got.packed_bytes, want.packed_bytes);
      for (const int64_t e : missing) store.check(model, e);
    }
  }
}

TEST(ExpertStore, FitsAsManyAsThereAreSlots) {
  const NumericModel model(plain_spec(), 3);
  const std::vector<int64_t> all = {0, 1, 2, 3, 4};
  EXPECT_EQ(Store(model, 3, false).experts.fitting(all), 3u);
  EXPECT_EQ(Store(model, 9, false).experts.fitting(all), 5u);
  EXPECT_EQ(Store(model, 0, false).experts.fitting(all), 5u);
  Store store(model, 3, false);
  EXPECT_THROW(store.experts.hold(all), InternalError);
}

TEST(ExpertStore, PacksAheadWithoutDisturbingWhatIsHeld) {
  const NumericModel model(plain_spec(), 4);
  Store store(model, 4, true);
  ASSERT_TRUE(store.experts.looks_ahead());
  {
    const auto held = store.experts.hold(std::vector<int64_t>{0, 1, 2});
    store.experts.expect(std::vector<int64_t>{10, 11, 12});  // of which one has room
    while (!store.experts.is_resident(10)) std::this_thread::yield();
    for (const int64_t e : {0, 1, 2}) store.check(model, e);
  }
  const auto held = store.experts.hold(std::vector<int64_t>{10, 11});
  store.check(model, 10);
  const ExpertTraffic traffic = store.experts.traffic();
  EXPECT_EQ(traffic.ahead, 1);
  EXPECT_EQ(traffic.ahead_used, 1);
  EXPECT_EQ(traffic.hits, 1);
  EXPECT_EQ(traffic.uses, 5);
}

// Holds and guesses, right and wrong, as fast as they come.
TEST(ExpertStore, WhatIsPackedAheadIsNeverWrong) {
  const NumericModel model(plain_spec(), 5);
  for (const int64_t slots : {1, 3, 8}) {
    Store store(model, slots, true);
    Rng rng(static_cast<uint64_t>(slots));
    auto next = some_experts(store.sizes.count, slots, rng);
    for (int round = 0; round < 150; ++round) {
      const auto held = store.experts.hold(next);
      const auto now = next;
      next = some_experts(store.sizes.count, slots, rng);
      store.experts.expect(rng.chance(0.7) ? next : some_experts(store.sizes.count, 10, rng));
      for (const int64_t e : now) store.check(model, e);
    }
    const ExpertTraffic traffic = store.experts.traffic();
    EXPECT_LE(traffic.ahead_used, traffic.ahead);
    EXPECT_LE(traffic.ahead_used, traffic.hits);
    EXPECT_GE(traffic.packed_bytes, (traffic.uses - traffic.hits) * store.sizes.largest_bytes);
  }
}

TEST(ExpertStore, DamagedWeightsAreToldWhenTheyAreWantedAndHarmNoOther) {
  NumericModel model(plain_spec(), 6);
  model.floats("model.layers.0.mlp.experts.3.up_proj.weight")[7] = std::numeric_limits<float>::infinity();
  for (const int64_t slots : {0, 2}) {
    Store store(model, slots, true, WeightType::q8_0);
    for (int round = 0; round < 2; ++round) {
      EXPECT_THAT(error_of([&] {
                    store.experts.hold(std::vector<int64_t>{2, 3});
                  }),
                  HasSubstr("model.layers.0.mlp.experts.3.up_proj.weight"));
      store.experts.expect(std::vector<int64_t>{3, 5});  // nobody is told before it is held
      store.experts.hold(std::vector<int64_t>{2, 4});
      EXPECT_TRUE(store.experts.is_resident(4));
    }
  }
}

TEST(ExpertStore, ALimitBelowTheLargestExpertIsRefused) {
  const NumericModel model(plain_spec(), 7);
  const auto files = model.open();
  EXPECT_THAT(error_of([&] { Decoder(files, WeightType::as_stored, PackWhen::at_load, {.bytes = 1000}); },
                       Fault::resource),
              HasSubstr("the largest one"));
}

TEST(ExpertStore, SizesAreThoseOfThePanels) {
  const NumericModel model(plain_spec(), 8);
  const auto files = model.open();
  const ExpertSizes f32 = ExpertSizes::of(*files, WeightType::as_stored),
                    bf16 = ExpertSizes::of(*files, WeightType::bf16);
  EXPECT_EQ(f32.count, 3 * experts_per_layer);
  EXPECT_EQ(f32.most_at_once, 2);
  // Whole panels of 32 rows and groups of 32 columns: 64 by 32 twice, 32 by 64.
  EXPECT_EQ(f32.largest_bytes, 3 * 64 * 32 * 4);
  EXPECT_EQ(bf16.largest_bytes, 3 * 64 * 32 * 2);
  EXPECT_EQ(f32.bytes, f32.count * f32.largest_bytes);
}

// The kinds of mixtures, by what they ask of the store.
std::vector<std::pair<std::string, ModelSpec>> kinds() {
  MoeSpec shared{
      .widths = {40, 8, 0, 64, 33, 40, 20, 1}, .top_k = 3, .shared_width = 20, .shared_gate = true};
  MoeSpec sparse{.widths = std::vector<int64_t>(6, 12),
                 .top_k = 6,
                 .router = {.score = RouterScore::relu_norm, .weight = ExpertWeight::score},
                 .gated = false};
  MoeSpec looks{.widths = std::vector<int64_t>(5, 24),
                .top_k = 2,
                .router = {.source = RouterSource::sparsity},
                .gated = false,
                .activation = Activation::relu};
  return {{"plain", plain_spec()},
          {"shared expert, unequal widths", spec_of(shared)},
          {"experts that may not fire", spec_of(sparse)},
          {"a router that looks at the experts", spec_of(looks)},
          {"norms behind the sum", spec_of(*moe_of(plain_spec().blocks[0]), NormPlacement::post_sum)}};
}

// Logits of two sequences, read together and then on token by token.
std::vector<float> run(Decoder& decoder, const std::vector<int32_t>& tokens) {
  std::vector<float> all;
  const auto first = decoder.new_cache(), second = decoder.new_cache();
  const std::span<const int32_t> ids = tokens;
  const auto feed = [&](std::span<const Decoder::Input> inputs) {
    const auto logits = decoder.forward(inputs);
    all.insert(all.end(), logits.begin(), logits.end());
  };
  const Decoder::Input prompts[] = {{.tokens = ids.first(20), .cache = first.get(), .all_logits = true},
                                    {.tokens = ids.subspan(20, 7), .cache = second.get()}};
  feed(prompts);
  for (size_t t = 27; t < ids.size(); ++t) {
    const Decoder::Input next[] = {{.tokens = ids.subspan(t, 1), .cache = first.get()}};
    feed(next);
  }
  return all;
}

TEST(ExpertStore, TheLimitNeverChangesABit) {
  const int before = thread_count();
  for (const auto& [name, spec] : kinds()) {
    const NumericModel model(spec, 9);
    const auto files = model.open();
    Rng rng(10);
    const auto tokens = test::random_tokens(spec, 37, rng);
    for (const WeightType type : {WeightType::as_stored, WeightType::q8_0}) {
      Decoder free(files, type);
      const auto want = run(free, tokens);
      const ExpertSizes sizes = ExpertSizes::of(*files, type);
      Decoder late(files, type, PackWhen::between_passes);
      ASSERT_EQ(run(late, tokens), want) << name << ", straight from the file the first time";
      EXPECT_EQ(late.expert_traffic().uses, free.expert_traffic().uses) << name;
      EXPECT_LE(late.expert_traffic().packed_bytes, free.expert_traffic().packed_bytes) << name;
      for (const int64_t slots : {int64_t{1}, sizes.most_at_once, sizes.count / 2, sizes.count})
        for (const int threads : {1, 2})
          for (const bool look_ahead : {false, true}) {
            set_threads(threads);
            Decoder decoder(files, type, threads == 1 ? PackWhen::at_load : PackWhen::between_passes,
                            {.bytes = slots * sizes.largest_bytes, .look_ahead = look_ahead});
            ASSERT_EQ(run(decoder, tokens), want)
                << name << ", " << to_string(type) << ", " << slots << " slots";
            const ExpertTraffic traffic = decoder.expert_traffic(), all = free.expert_traffic();
            EXPECT_EQ(traffic.uses, all.uses) << name;
            EXPECT_TRUE(slots < sizes.count || traffic.evictions == 0) << name;
            EXPECT_TRUE(look_ahead || traffic.ahead == 0) << name;
          }
    }
  }
  set_threads(before);
}

// 48 MiB of experts, of which a quarter may be in memory: neither panels nor pages of the file add up.
TEST(ExpertStore, TheProcessGivesBackWhatItLeaves) {
  ModelSpec spec{.vocabulary = 50, .width = 256, .context = 64};
  const AttentionSpec attention = {.heads = 4, .kv_heads = 2, .head_dim = 64};
  spec.blocks.assign(4, {attention, MoeSpec{.widths = std::vector<int64_t>(16, 256), .top_k = 2}});
  const NumericModel model(spec, 13);
  const auto files = model.open();
  const ExpertSizes sizes = ExpertSizes::of(*files, WeightType::as_stored);
  ASSERT_EQ(sizes.bytes, int64_t{48} << 20);
  Decoder decoder(files, WeightType::as_stored, PackWhen::at_load, {.bytes = sizes.bytes / 4});
  Rng rng(14);
  const auto tokens = test::random_tokens(spec, 30, rng);
  const int64_t before = resident_memory();
  for (int round = 0; round < 3; ++round) {
    const Decoder::Input input{.tokens = tokens};
    decoder.forward({&input, 1});
  }
  EXPECT_GE(decoder.expert_traffic().packed_bytes, 2 * sizes.bytes);
  // A quarter of the experts, and pages that are about to be given back; all of the panels or of the file would be more.
  EXPECT_LT(resident_memory() - before, int64_t{36} << 20);
}

TEST(ExpertStore, APassCountsEachExpertOfALayerOnce) {
  const NumericModel model(plain_spec(), 11);
  Decoder decoder(model.open());
  Rng rng(12);
  const auto tokens = test::random_tokens(model.spec(), 20, rng);
  const auto cache = decoder.new_cache();
  const Decoder::Input one[] = {{.tokens = std::span(tokens).first(1), .cache = cache.get()}};
  decoder.forward(one);
  ExpertTraffic traffic = decoder.expert_traffic();
  EXPECT_EQ(traffic.uses, 3 * 2);
  EXPECT_EQ(traffic.hits, 0);
  const int64_t bytes = 3 * 64 * 32 * 4;
  EXPECT_EQ(traffic.packed_bytes, 3 * 2 * bytes) << "nothing but what a token asked for";
  decoder.reset_expert_load();
  decoder.reset_expert_traffic();
  const Decoder::Input rest[] = {{.tokens = std::span(tokens).subspan(1), .cache = cache.get()}};
  decoder.forward(rest);
  traffic = decoder.expert_traffic();
  int64_t met = 0;
  for (const auto& layer : decoder.expert_load())
    met += std::ranges::count_if(layer.tokens, [](int64_t count) { return count > 0; });
  EXPECT_EQ(traffic.uses, met);
  EXPECT_EQ(traffic.packed_bytes, (traffic.uses - traffic.hits) * bytes);
}

}  // namespace
}  // namespace coppice
