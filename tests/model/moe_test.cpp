// Identities between dense and sparse feed-forwards, and what the decoder reports about experts.

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/router.h"
#include "numeric_model.h"

namespace coppice {
namespace {

using test::NumericModel;

const AttentionSpec attention = {.heads = 4, .kv_heads = 2, .head_dim = 8};
const int64_t width = 32, neurons = 60;
const std::vector<int64_t> parts = {13, 20, 0, 27};  // together: all neurons

ModelSpec dense_spec() {
  return {.vocabulary = 50,
          .width = width,
          .context = 30,
          .blocks = {{attention, DenseFfnSpec{.width = neurons}}}};
}

// All experts active, each counting fully.
ModelSpec partition_spec(ExpertStorage storage) {
  ModelSpec spec = dense_spec();
  spec.blocks[0].ffn = MoeSpec{.widths = parts,
                               .top_k = 4,
                               .router = {.weight = ExpertWeight::one},
                               .storage = storage,
                               .dense_width = storage == ExpertStorage::indexed ? neurons : 0};
  return spec;
}

// The neurons of each expert: a shuffled partition.
std::vector<std::vector<int32_t>> partition() {
  std::vector<int32_t> all(static_cast<size_t>(neurons));
  std::iota(all.begin(), all.end(), 0);
  Rng(9).shuffle(all);
  std::vector<std::vector<int32_t>> lists;
  auto at = all.begin();
  for (const int64_t count : parts) {
    lists.emplace_back(at, at + count);
    std::sort(lists.back().begin(), lists.back().end());
    at += count;
  }
  return lists;
}

// Copies a dense model's neurons into the experts of `moe`.
void fill_experts(NumericModel& dense, NumericModel& moe) {
  const std::string mlp = "model.layers.0.mlp.";
  const bool indexed = moe_of(moe.spec().blocks[0])->storage == ExpertStorage::indexed;
  const auto lists = partition();
  for (const auto& tensor : tensor_table(dense.spec()))
    if (indexed || !tensor.name.starts_with(mlp)) moe.floats(tensor.name) = dense.floats(tensor.name);
  for (size_t e = 0; e < lists.size(); ++e) {
    if (indexed) {
      moe.neurons(fmt::format("{}expert_neurons.{}", mlp, e)) = lists[e];
      continue;
    }
    const std::string expert = fmt::format("{}experts.{}.", mlp, e);
    for (size_t n = 0; n < lists[e].size(); ++n) {
      const int64_t from = lists[e][n];
      for (const char* name : {"gate_proj.weight", "up_proj.weight"})
        std::copy_n(dense.floats(mlp + name).begin() + from * width, width,
                    moe.floats(expert + name).begin() + static_cast<int64_t>(n) * width);
      for (int64_t o = 0; o < width; ++o)
        moe.floats(expert + "down_proj.weight")[static_cast<size_t>(o) * lists[e].size() + n] =
            dense.floats(mlp + "down_proj.weight")[static_cast<size_t>(o * neurons + from)];
    }
  }
}

std::vector<float> logits_of(const NumericModel& model, std::span<const int32_t> tokens, int64_t top_k = 0) {
  Decoder decoder(model.open());
  if (top_k > 0) decoder.set_top_k(top_k);
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  return decoder.forward({&input, 1});
}

std::vector<double> widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

TEST(Moe, AllExpertsOfAPartitionAreTheDenseModel) {
  Rng rng(1);
  NumericModel dense(dense_spec(), 4);
  const auto tokens = test::random_tokens(dense.spec(), 20, rng);
  const auto want = widened(logits_of(dense, tokens));
  for (const ExpertStorage storage : {ExpertStorage::separate, ExpertStorage::indexed}) {
    NumericModel moe(partition_spec(storage), 5);
    fill_experts(dense, moe);
    EXPECT_LT(test::relative_difference(logits_of(moe, tokens), want), 1e-5) << to_string(storage);
  }
}

TEST(Moe, IndexedExpertsAreSeparateOnes) {
  Rng rng(2);
  NumericModel dense(dense_spec(), 6), separate(partition_spec(ExpertStorage::separate), 7),
      indexed(partition_spec(ExpertStorage::indexed), 7);
  fill_experts(dense, separate);
  fill_experts(dense, indexed);
  const auto tokens = test::random_tokens(dense.spec(), 20, rng);
  for (const int64_t top_k : {1, 2, 3})
    EXPECT_LT(test::relative_difference(logits_of(indexed, tokens, top_k),
                                        widened(logits_of(separate, tokens, top_k))),
              1e-5);
}

TEST(Moe, LoadCountsEveryChoice) {
  Rng rng(3);
  const NumericModel model(partition_spec(ExpertStorage::separate), 8);
  Decoder decoder(model.open());
  decoder.set_top_k(2);
  const auto tokens = test::random_tokens(model.spec(), 20, rng);
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  decoder.forward({&input, 1});
  decoder.forward({&input, 1});
  ASSERT_EQ(decoder.expert_load().size(), 1u);
  const auto& load = decoder.expert_load()[0].tokens;
  EXPECT_EQ(std::accumulate(load.begin(), load.end(), int64_t{0}), 2 * 20 * 2);
  decoder.reset_expert_load();
  EXPECT_EQ(std::accumulate(load.begin(), load.end(), int64_t{0}), 0);
}

// Experts of whole panels, so that none holds more than its neurons' weights.
TEST(Moe, BytesPerTokenFollowTheExperts) {
  constexpr int64_t hidden = 256;
  ModelSpec dense_model = dense_spec(), split = dense_spec();
  dense_model.blocks[0].ffn = DenseFfnSpec{.width = hidden};
  split.blocks[0].ffn = MoeSpec{.widths = std::vector<int64_t>(4, hidden / 4), .top_k = 4};
  const NumericModel dense(dense_model, 4), moe(split, 8);
  Decoder all(moe.open()), one(moe.open()), whole(dense.open());
  one.set_top_k(1);
  const int64_t router = 4 * width * 4;
  EXPECT_EQ(all.bytes_per_token(), whole.bytes_per_token() + router);
  const int64_t ffn = 3 * width * hidden * 4;
  EXPECT_EQ(one.bytes_per_token(), all.bytes_per_token() - ffn + ffn / 4);  // nothing seen: uniform choice
}

// BlockFFN: what does not fire is not computed, and a token for which nothing fires gets nothing.
TEST(Moe, ExpertsThatDoNotFireAreLeftOut) {
  ModelSpec spec = dense_spec();
  spec.blocks[0].ffn = MoeSpec{.widths = {6, 6, 6, 6},
                               .top_k = 4,
                               .router = {.score = RouterScore::relu_norm, .weight = ExpertWeight::score},
                               .gated = false};
  NumericModel model(spec, 9);
  Rng rng(4);
  const auto tokens = test::random_tokens(spec, 30, rng);
  const auto trace_of = [&](int64_t& chosen) {
    Decoder decoder(model.open());
    Trace trace;
    const Decoder::Input input{.tokens = tokens, .all_logits = true};
    decoder.forward({&input, 1}, collect_into(trace));
    const auto& load = decoder.expert_load()[0].tokens;
    chosen = std::accumulate(load.begin(), load.end(), int64_t{0});
    return trace;
  };
  int64_t chosen = 0;
  const Trace some = trace_of(chosen);
  EXPECT_EQ(chosen, std::ranges::count_if(some.at("layers.0.router.logits").values,
                                          [](float logit) { return logit > 0; }));
  EXPECT_GT(chosen, 0);
  EXPECT_LT(chosen, 4 * 30);
  for (float& weight : model.floats("model.layers.0.mlp.gate.weight")) weight = 0;
  const Trace none = trace_of(chosen);
  for (const float value : none.at("layers.0.ffn").values) ASSERT_EQ(value, 0);
  EXPECT_EQ(chosen, 0);
}

// MoE-X: the router's estimate is the share of neurons that fire.
TEST(Moe, ExpectedSparsityIsTheShareOfNeuronsThatFire) {
  constexpr int64_t neurons_of_each = 400;
  ModelSpec spec = dense_spec();
  spec.blocks[0].ffn = MoeSpec{.widths = std::vector<int64_t>(4, neurons_of_each),
                               .top_k = 2,
                               .router = {.source = RouterSource::sparsity},
                               .gated = false,
                               .activation = Activation::relu};
  NumericModel model(spec, 10);
  // Columns with means of their own, so that experts differ.
  Rng rng(5);
  for (int e = 0; e < 4; ++e) {
    auto& up = model.floats(fmt::format("model.layers.0.mlp.experts.{}.up_proj.weight", e));
    for (int64_t i = 0; i < width; ++i) {
      const auto mean = static_cast<float>(0.05 * rng.normal());
      for (int64_t n = 0; n < neurons_of_each; ++n) up[static_cast<size_t>(n * width + i)] += mean;
    }
  }
  const auto tokens = test::random_tokens(spec, 20, rng);
  Decoder decoder(model.open());
  Trace trace;
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  decoder.forward({&input, 1}, collect_into(trace));
  const auto& x = trace.at("layers.0.ffn_norm").values;
  const auto& logits = trace.at("layers.0.router.logits").values;
  double error = 0, lowest = 1, highest = 0;
  for (size_t t = 0; t < tokens.size(); ++t)
    for (size_t e = 0; e < 4; ++e) {
      const auto& up = model.floats(fmt::format("model.layers.0.mlp.experts.{}.up_proj.weight", e));
      int64_t firing = 0;
      for (size_t n = 0; n < neurons_of_each; ++n) {
        double sum = 0;
        for (size_t i = 0; i < width; ++i) sum += x[t * width + i] * up[n * width + i];
        firing += sum > 0;
      }
      const double share = static_cast<double>(firing) / neurons_of_each;
      error += std::abs(-logits[t * 4 + e] - share) / static_cast<double>(4 * tokens.size());
      lowest = std::min(lowest, share);
      highest = std::max(highest, share);
    }
  EXPECT_LT(error, 0.03);
  EXPECT_GT(highest - lowest, 0.2);
}

TEST(SelectExperts, TakesTheHighestAndOfEqualTheFirst) {
  const std::vector<float> scores = {1, 3, 3, 2, 3};
  EXPECT_EQ(select_experts({}, scores, {}, 2), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(select_experts({}, scores, {}, 4), (std::vector<int32_t>{1, 2, 3, 4}));
  const std::vector<float> bias = {5, 0, 0, 0, 0};
  EXPECT_EQ(select_experts({}, scores, bias, 1), (std::vector<int32_t>{0}));
  const std::vector<float> broken = {NAN, 1, NAN, -2};
  EXPECT_EQ(select_experts({}, broken, {}, 2), (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(select_experts({}, broken, {}, 3), (std::vector<int32_t>{0, 1, 3}));
}

TEST(SelectExperts, KeepsToTheRuleOfGroups) {
  const std::vector<float> scores = {0.9f, 0.1f, 0.5f, 0.6f, 0.3f, 0.2f};
  using Experts = std::vector<int32_t>;
  const auto select = [&](GroupRule rule, int64_t kept, int64_t k) {
    return select_experts({.group_rule = rule, .groups = 3, .kept_groups = kept}, scores, {}, k);
  };
  EXPECT_EQ(select(GroupRule::none, 1, 3), (Experts{0, 2, 3}));
  EXPECT_EQ(select(GroupRule::best, 1, 2), (Experts{0, 1}));      // 0.9 is the best of all
  EXPECT_EQ(select(GroupRule::best_two, 1, 2), (Experts{2, 3}));  // 0.5 + 0.6 is more than 0.9 + 0.1
  EXPECT_EQ(select(GroupRule::best_two, 2, 3), (Experts{0, 2, 3}));
  EXPECT_EQ(select(GroupRule::each, 1, 3), (Experts{0, 3, 4}));
  EXPECT_EQ(select(GroupRule::each, 1, 6), (Experts{0, 1, 2, 3, 4, 5}));
  // A bias steers groups as well.
  const std::vector<float> bias = {0, 0, 0, 0, 1, 1};
  EXPECT_EQ(select_experts({.group_rule = GroupRule::best, .groups = 3}, scores, bias, 1), Experts{4});
}

// Pangu Pro MoE's claim: groups as many as devices, and every device has the same work whatever the router
// says.
TEST(SelectExperts, OneOfEachGroupBurdensAllGroupsAlike) {
  Rng rng(8);
  std::vector<int64_t> grouped(8), free(8);
  for (int token = 0; token < 200; ++token) {
    std::vector<float> scores(64);
    for (float& score : scores) score = static_cast<float>(rng.normal());
    for (const int32_t e : select_experts({.group_rule = GroupRule::each, .groups = 8}, scores, {}, 8))
      ++grouped[static_cast<size_t>(e / 8)];
    for (const int32_t e : select_experts({}, scores, {}, 8)) ++free[static_cast<size_t>(e / 8)];
  }
  EXPECT_EQ(grouped, std::vector<int64_t>(8, 200));
  EXPECT_NE(free, grouped);
}

}  // namespace
}  // namespace coppice
