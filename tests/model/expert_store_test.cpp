// Experts that are packed when they are wanted, with a limit and without: the order in which they make room against a list,
// their numbers against the file's, and a decoder's output against that of one without a limit.

#include "model/expert_store.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>

#include "base/parallel.h"
#include "model/kv_cache.h"
#include "model/memory_plan.h"
#include "model/panel_reader.h"
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
  Store(const NumericModel& model, int64_t slots, WeightType type = WeightType::f32)
      : files(model.open()),
        weights(files, type),
        sizes(ExpertSizes::of(*files, type)),
        experts(weights, type, PackWhen::at_load, {.bytes = slots * sizes.largest_bytes}) {
    for (size_t layer = 0; layer < files->spec().blocks.size(); ++layer) {
      const MoeSpec& moe = *moe_of(files->spec().blocks[layer]);
      for (int64_t e = 0; e < moe.experts(); ++e) {
        names.push_back(expert_matrices(fmt::format("model.layers.{}.mlp.experts.{}.", layer, e), moe.gated));
        experts.add(names.back());
      }
    }
  }

  // Holds experts and asks for every panel of theirs once, as products do.
  void multiply(std::span<const int64_t> wanted) {
    const auto held = experts.hold(wanted);
    PanelRoom room;
    for (const int64_t e : wanted)
      for (const Matrix& matrix : experts.matrices(e)) {
        PanelReader panels(kernels::active_packed(), matrix, room);
        for (int64_t row = 0; row < matrix.rows; row += kernels::panel_rows) panels.go_to(row);
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
  Store store(model, 0);
  EXPECT_EQ(store.experts.traffic().packed_bytes, 0);
  const std::vector<int64_t> wanted = {3, 7, 20};
  store.multiply(wanted);
  {
    const auto held = store.experts.hold(wanted);
    for (const int64_t e : wanted) store.check(model, e);
  }
  for (int64_t e = 0; e < store.sizes.count; ++e)
    EXPECT_EQ(store.experts.is_resident(e), std::ranges::count(wanted, e) == 1) << e;
  store.multiply(std::vector<int64_t>{3, 4});
  const ExpertTraffic traffic = store.experts.traffic();
  EXPECT_EQ(traffic.uses, 8);
  EXPECT_EQ(traffic.hits, 4);
  EXPECT_EQ(traffic.packed_bytes, 4 * store.sizes.largest_bytes);
  EXPECT_EQ(traffic.evictions, 0);
}

// The score of an expert by its definition: its uses, each of which counts half after every half life of uses.
double score_of(const std::vector<int64_t>& uses, int64_t now, double half_life) {
  double score = 0;
  for (const int64_t use : uses) score += std::exp2(static_cast<double>(use - now) / half_life);
  return score;
}

TEST(ExpertStore, KeepsThoseThatAreUsedTheMostOfLate) {
  const NumericModel model(plain_spec(), 2);
  for (const int64_t slots : {1, 2, 5, 23}) {
    Store store(model, slots);
    const double half_life = ExpertStore::half_life_per_expert * static_cast<double>(store.sizes.count);
    Rng rng(static_cast<uint64_t>(slots));
    std::vector<std::vector<int64_t>> uses(static_cast<size_t>(store.sizes.count));
    std::vector<int64_t> kept;
    ExpertTraffic want;
    for (int round = 0; round < 200; ++round) {
      // Some experts are wanted more often than others.
      auto wanted = some_experts(rng.chance(0.5) ? store.sizes.count : store.sizes.count / 3, 6, rng);
      std::vector<int64_t> before = kept;
      for (const int64_t e : wanted) {
        uses[static_cast<size_t>(e)].push_back(++want.uses);
        if (std::ranges::count(before, e) == 1) {
          ++want.hits;
          continue;
        }
        want.packed_bytes += store.sizes.largest_bytes;
        if (static_cast<int64_t>(kept.size()) == slots) {
          const auto score = [&](int64_t number) {
            return score_of(uses[static_cast<size_t>(number)], want.uses, half_life);
          };
          auto least = kept.end();
          for (auto other = kept.begin(); other != kept.end(); ++other)
            if (std::ranges::count(wanted, *other) == 0 &&
                (least == kept.end() || score(*other) < score(*least)))
              least = other;
          if (least == kept.end() || score(e) < score(*least)) continue;
          kept.erase(least);
          ++want.evictions;
        }
        kept.push_back(e);
      }
      store.multiply(wanted);
      for (int64_t e = 0; e < store.sizes.count; ++e)
        ASSERT_EQ(store.experts.is_resident(e), std::ranges::count(kept, e) == 1)
            << slots << ' ' << round << ' ' << e;
      const ExpertTraffic& got = store.experts.traffic();
      ASSERT_EQ(got.uses, want.uses);
      ASSERT_EQ(got.hits, want.hits);
      ASSERT_EQ(got.evictions, want.evictions);
      ASSERT_EQ(got.packed_bytes, want.packed_bytes);
      const auto held = store.experts.hold(std::vector<int64_t>{});
      for (const int64_t e : kept) store.check(model, e);
    }
    EXPECT_GT(want.evictions, 0);
    EXPECT_LT(want.evictions, want.uses - want.hits - slots) << "some were not worth it";
  }
}

TEST(ExpertStore, WhatHasNoRoomIsMultipliedStraightFromTheFile) {
  const NumericModel model(plain_spec(), 3);
  Store store(model, 2);
  const std::vector<int64_t> all = {0, 1, 2, 3, 4};
  EXPECT_EQ(store.experts.fitting(all), 5u);
  for (int round = 0; round < 3; ++round) {
    store.multiply(all);
    const auto held = store.experts.hold(all);
    for (const int64_t e : all) store.check(model, e);
    EXPECT_TRUE(store.experts.is_resident(0) && store.experts.is_resident(1));
  }
  EXPECT_EQ(store.experts.traffic().evictions, 0);
}

TEST(ExpertStore, PanelsThatWereNotAllMadeDoNotStay) {
  const NumericModel model(plain_spec(), 4);
  for (const int64_t slots : {0, 1}) {
    Store store(model, slots);
    const std::vector<int64_t> one = {5};
    for (int round = 0; round < 2; ++round) {
      const auto held = store.experts.hold(one);
      PanelRoom room;
      PanelReader(kernels::active_packed(), store.experts.matrices(5)[0], room).go_to(0);
    }
    EXPECT_FALSE(store.experts.is_resident(5));
    EXPECT_EQ(store.experts.traffic().packed_bytes, 0);
    store.multiply(one);
    EXPECT_TRUE(store.experts.is_resident(5));
    const auto held = store.experts.hold(one);
    store.check(model, 5);
  }
}

TEST(ExpertStore, SomeArePackedBeforeTheyAreMultipliedBy) {
  const NumericModel model(plain_spec(), 5);
  for (const int64_t slots : {0, 1}) {
    Store store(model, slots);
    for (const int64_t e : {1, 2, 1}) {
      const auto held = store.experts.hold(std::vector<int64_t>{e}, true);
      EXPECT_NE(store.experts.matrices(e)[0].data, nullptr);
      EXPECT_EQ(store.experts.matrices(e)[0].late, nullptr);
      store.check(model, e);
    }
    EXPECT_EQ(store.experts.traffic().evictions, slots == 0 ? 0 : 2);
  }
}

// Two of four weights of the experts of one layer, and of no other: slots are as large as the largest one met.
TEST(ExpertStore, SmallerPanelsLeaveRoomForMoreExperts) {
  NumericModel model(plain_spec(), 5);
  for (int64_t e = 0; e < experts_per_layer; ++e)
    for (const auto& name : expert_matrices(fmt::format("model.layers.0.mlp.experts.{}.", e), true)) {
      auto& weights = model.floats(name);
      for (size_t i = 0; i < weights.size(); ++i)
        if (i % 4 >= 2) weights[i] = 0;
    }
  Store store(model, 4);
  const std::vector<int64_t> pruned = {0, 1, 2, 3, 4, 5, 6, 7};
  const auto residents = [&] {
    int64_t count = 0;
    for (int64_t e = 0; e < store.sizes.count; ++e) count += store.experts.is_resident(e);
    return count;
  };
  store.multiply(pruned);
  EXPECT_EQ(residents(), 7) << "9 of 16 of the bytes: four slots of dense experts hold seven";
  {
    const auto held = store.experts.hold(pruned);
    for (const int64_t e : pruned) store.check(model, e);
  }
  store.multiply(std::vector<int64_t>{1, 8});
  EXPECT_EQ(residents(), 2) << "a dense expert makes slots larger, all of them free";
  const auto held = store.experts.hold(std::vector<int64_t>{1, 8});
  for (const int64_t e : {1, 8}) store.check(model, e);
}

TEST(ExpertStore, DamagedWeightsAreToldWhenTheyAreWantedAndHarmNoOther) {
  NumericModel model(plain_spec(), 6);
  model.floats("model.layers.0.mlp.experts.3.up_proj.weight")[7] = std::numeric_limits<float>::infinity();
  for (const int64_t slots : {0, 2}) {
    Store store(model, slots, WeightType::q8_0);
    for (int round = 0; round < 2; ++round) {
      EXPECT_THAT(error_of([&] {
                    store.multiply(std::vector<int64_t>{2, 3});
                  }),
                  HasSubstr("model.layers.0.mlp.experts.3.up_proj.weight"));
      EXPECT_FALSE(store.experts.is_resident(3));
      store.multiply(std::vector<int64_t>{2, 4});
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
      for (const int64_t slots : {int64_t{1}, int64_t{3}, sizes.count / 2, sizes.count})
        for (const int threads : {1, 2}) {
          set_threads(threads);
          Decoder decoder(files, type, threads == 1 ? PackWhen::at_load : PackWhen::between_passes,
                          {.bytes = slots * sizes.largest_bytes});
          ASSERT_EQ(run(decoder, tokens), want)
              << name << ", " << to_string(type) << ", " << slots << " slots";
          const ExpertTraffic traffic = decoder.expert_traffic(), all = free.expert_traffic();
          EXPECT_EQ(traffic.uses, all.uses) << name;
          EXPECT_TRUE(slots < sizes.count || traffic.evictions == 0) << name;
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
    const Decoder::Input input{.tokens = tokens, .all_logits = true};
    decoder.forward({&input, 1});
  }
  EXPECT_GE(decoder.expert_traffic().packed_bytes, 2 * sizes.bytes);
  // A quarter of the experts, and nothing of the file.
  EXPECT_LT(resident_memory() - before, int64_t{16} << 20);
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
