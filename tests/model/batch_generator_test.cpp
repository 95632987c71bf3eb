// Continuous batching and speculation against one sequence after the other.

#include "model/batch_generator.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "numeric_model.h"
#include "random_model.h"

namespace coppice {
namespace {

using test::NumericModel;

ModelSpec mixed_spec(int64_t context = 300) {
  const AttentionSpec full{.heads = 4, .kv_heads = 2, .head_dim = 8};
  AttentionSpec windowed = full;
  windowed.window = 9;
  const LatentAttentionSpec latent{
      .heads = 2, .latent_rank = 12, .plain_dim = 6, .rotary_dim = 4, .value_dim = 5};
  const DenseFfnSpec ffn{.width = 24};
  const MoeSpec moe{.widths = {16, 16, 16}, .top_k = 2};
  return {.vocabulary = 40,
          .width = 20,
          .context = context,
          .blocks = {{full, ffn}, {windowed, moe}, {ShortConvSpec{.kernel_size = 3}, ffn}, {latent, ffn}}};
}

ModelSpec plain_spec(int64_t context = 400) {
  const AttentionSpec attention{.heads = 4, .kv_heads = 2, .head_dim = 8};
  return {.vocabulary = 40,
          .width = 20,
          .context = context,
          .blocks = {{attention, DenseFfnSpec{.width = 24}}, {attention, DenseFfnSpec{.width = 24}}}};
}

struct Wanted {
  std::vector<int32_t> prompt;
  GenerateOptions options;
  std::vector<int32_t> ids;  // alone
};

std::vector<Wanted> some_requests(Decoder& decoder, int64_t count, int64_t longest_prompt, uint64_t seed) {
  Rng rng(seed);
  std::vector<Wanted> wanted;
  for (int64_t i = 0; i < count; ++i) {
    Wanted next;
    next.prompt = test::random_tokens(decoder.spec(), test::between(rng, 1, longest_prompt), rng);
    next.options.tokens = test::between(rng, 1, 40);
    next.options.sampler.temp = i % 2 == 0 ? 0 : 1.2;
    next.options.sampler.seed = i;
    next.ids = generate(decoder, next.prompt, next.options).ids;
    wanted.push_back(next);
  }
  return wanted;
}

// Runs them together, submitting one more every few steps.
std::vector<std::vector<int32_t>> together(BatchGenerator& generator, const std::vector<Wanted>& wanted,
                                           std::vector<Generation>* results = nullptr) {
  std::vector<std::vector<int32_t>> streamed(wanted.size());
  if (results != nullptr) results->resize(wanted.size());
  size_t submitted = 0;
  for (int64_t step = 0;; ++step) {
    if (submitted < wanted.size() && (step % 3 == 0 || submitted < 2)) {
      const size_t i = submitted++;
      generator.submit(
          {.prompt = wanted[i].prompt,
           .options = wanted[i].options,
           .sink =
               [&streamed, i](int32_t id) {
                 streamed[i].push_back(id);
                 return true;
               },
           .done =
               [&streamed, results, i](const Generation& generation, const std::exception_ptr& failure) {
                 EXPECT_EQ(failure, nullptr);
                 EXPECT_EQ(generation.ids, streamed[i]);
                 if (results != nullptr) (*results)[i] = generation;
               }});
    }
    if (!generator.step() && submitted == wanted.size()) break;
  }
  return streamed;
}

void expect_as_alone(const std::vector<std::vector<int32_t>>& got, const std::vector<Wanted>& wanted) {
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(got[i], wanted[i].ids) << i;
}

TEST(BatchGenerator, GivesEverySequenceWhatItGetsAlone) {
  for (const ModelSpec& spec : {mixed_spec(), plain_spec()}) {
    const NumericModel model(spec, 1);
    Decoder decoder(model.open());
    const auto wanted = some_requests(decoder, 12, 150, 1);
    for (const int64_t chunk : {7, 64, 1000})
      for (const int64_t most : {1, 3, 12}) {
        BatchGenerator generator(decoder, {.most_sequences = most, .prompt_chunk = chunk});
        expect_as_alone(together(generator, wanted), wanted);
      }
  }
}

TEST(BatchGenerator, QueuesWhatDoesNotFitAndSendsTheYoungestBack) {
  const ModelSpec spec = plain_spec();
  const NumericModel model(spec, 2);
  Decoder decoder(model.open());
  auto wanted = some_requests(decoder, 8, 60, 2);
  for (auto& request : wanted) {  // grow beyond the page that their prompts need
    request.options.tokens = 80;
    request.ids = generate(decoder, request.prompt, request.options).ids;
  }
  const int64_t one = KvCache(spec).most_bytes(140, 64);
  BatchGenerator generator(decoder, {.most_sequences = 8, .prompt_chunk = 64, .cache_bytes = 2 * one - 1});
  expect_as_alone(together(generator, wanted), wanted);
  EXPECT_GT(generator.preemptions(), 0);
  EXPECT_LE(generator.cache_bytes(), 2 * one);
  // One that can never fit is refused at once.
  const std::vector<int32_t> prompt(300, 1);
  EXPECT_NE(test::error_of([&] { generator.submit({.prompt = prompt, .options = {.tokens = 100}}); },
                           Fault::resource)
                .find("cache takes"),
            std::string::npos);
}

TEST(BatchGenerator, PromptsThatBeginAlikeShareTheirPages) {
  const ModelSpec spec = plain_spec();
  const NumericModel model(spec, 3);
  Decoder decoder(model.open());
  Rng rng(3);
  const auto common = test::random_tokens(spec, 150, rng);
  std::vector<Wanted> wanted;
  for (int64_t i = 0; i < 5; ++i) {
    Wanted next;
    next.prompt = common;
    for (const int32_t id : test::random_tokens(spec, 1 + i, rng)) next.prompt.push_back(id);
    next.options = {.tokens = 20, .sampler = {.temp = 1, .seed = i}};
    next.ids = generate(decoder, next.prompt, next.options).ids;
    wanted.push_back(next);
  }
  BatchGenerator generator(decoder, {.most_sequences = 2});
  std::vector<Generation> results;
  expect_as_alone(together(generator, wanted, &results), wanted);
  for (size_t i = 1; i < results.size(); ++i) EXPECT_GE(results[i].prompt_reused, 150) << i;
  // Five sequences of 3 pages in 2 layers, of which 2 are the same.
  EXPECT_LT(generator.cache_bytes(),
            5 * 3 * 2 * 2 * kernels::cache_block_bytes(kernels::CacheElement::f32, 16));
}

TEST(BatchGenerator, CancelsAndReportsFailures) {
  const NumericModel model(plain_spec(), 4);
  Decoder decoder(model.open());
  BatchGenerator generator(decoder, {.most_sequences = 1});
  int ended = 0, failed = 0;
  const auto done = [&](const Generation&, const std::exception_ptr& failure) {
    ++(failure ? failed : ended);
  };
  const std::vector<int32_t> prompt = {1, 2, 3};
  const auto first = generator.submit({.prompt = prompt, .options = {.tokens = 50}, .done = done});
  const auto second = generator.submit({.prompt = prompt, .options = {.tokens = 50}, .done = done});
  generator.submit({.prompt = prompt,
                    .options = {.tokens = 50},
                    .sink = [](int32_t) -> bool { throw Error({.where = "sink"}); },
                    .done = done});
  generator.step();
  generator.cancel(second);
  generator.cancel(first);
  while (generator.step()) {
  }
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(generator.running() + generator.waiting(), 0);
  EXPECT_THROW(generator.submit({.prompt = {}}), Error);
  EXPECT_THROW(generator.submit({.prompt = {40}}), Error);
}

TEST(Speculation, GreedyTextIsThePlainOne) {
  for (const ModelSpec& spec : {mixed_spec(), plain_spec()})
    for (const uint64_t seed : {1, 2, 3}) {
      const NumericModel model(spec, seed), other(plain_spec(), seed + 10);
      Decoder decoder(model.open()), same(model.open()), different(other.open());
      const std::vector<int32_t> prompt = {3, 4, 5, 3, 4};
      GenerateOptions options{.tokens = 60, .sampler = {.temp = 0}};
      const auto plain = generate(decoder, prompt, options);
      for (const int64_t guesses : {1, 4, 9}) {
        options.draft_tokens = guesses;
        options.drafter = make_ngram_drafter();
        EXPECT_EQ(generate(decoder, prompt, options).ids, plain.ids);
        options.drafter = make_model_drafter(different, options.sampler);
        EXPECT_EQ(generate(decoder, prompt, options).ids, plain.ids);
        options.drafter = make_model_drafter(same, options.sampler);  // which is always right
        const auto guided = generate(decoder, prompt, options);
        EXPECT_EQ(guided.ids, plain.ids);
        EXPECT_EQ(guided.accepted, guided.drafted);
        EXPECT_LT(guided.passes, plain.passes);
      }
    }
}

TEST(Speculation, StopsWhereThePlainTextStops) {
  ModelSpec spec = plain_spec(40);
  const NumericModel model(spec, 5);
  Decoder decoder(model.open()), same(model.open());
  const std::vector<int32_t> prompt = {3, 4, 5};
  GenerateOptions options{.tokens = 100, .sampler = {.temp = 0}};
  const auto whole = generate(decoder, prompt, options);
  EXPECT_EQ(whole.stopped, StopReason::context);
  options.drafter = make_model_drafter(same, options.sampler);
  EXPECT_EQ(generate(decoder, prompt, options).ids, whole.ids);
  options.stop_ids = {whole.ids[7]};
  const auto end = std::find(whole.ids.begin(), whole.ids.end(), whole.ids[7]);
  const auto stopped = generate(decoder, prompt, options);
  EXPECT_EQ(stopped.ids, std::vector<int32_t>(whole.ids.begin(), end));
  EXPECT_EQ(stopped.stopped, StopReason::eos);
}

// The first two tokens of many seeds, with guesses and without: the pairs come up equally often.
TEST(Speculation, SampledTextHasTheModelsDistribution) {
  ModelSpec spec = plain_spec();
  spec.vocabulary = 6;
  const NumericModel model(spec, 6), other(spec, 7);
  Decoder decoder(model.open()), draft(other.open());
  const std::vector<int32_t> prompt = {1, 2, 1, 2, 1, 2};
  const SamplerOptions sampler = {.temp = 1.5, .top_k = 0, .top_p = 1, .min_p = 0};
  constexpr int rounds = 4000;
  // The exact chances of three tokens.
  std::map<std::vector<int32_t>, double> want;
  const auto extend = [&](auto& self, std::vector<int32_t> text, double chance) -> void {
    if (text.size() == prompt.size() + 3) {
      want[std::vector<int32_t>(text.end() - 3, text.end())] = chance;
      return;
    }
    const Decoder::Input input{.tokens = text};
    for (const auto& next : Sampler(sampler).distribution(decoder.forward({&input, 1}), text)) {
      text.push_back(next.id);
      self(self, text, chance * next.probability);
      text.pop_back();
    }
  };
  extend(extend, prompt, 1);
  for (const bool by_model : {false, true}) {
    std::map<std::vector<int32_t>, double> got;
    int64_t accepted = 0, drafted = 0;
    for (int64_t seed = 0; seed < rounds; ++seed) {
      GenerateOptions options{.tokens = 3, .sampler = sampler, .draft_tokens = 2};
      options.sampler.seed = seed;
      options.drafter = by_model ? make_model_drafter(draft, options.sampler) : make_ngram_drafter(4, 1);
      const auto result = generate(decoder, prompt, options);
      ++got[result.ids];
      accepted += result.accepted;
      drafted += result.drafted;
    }
    double square = 0;  // chi squared over those that are likely enough
    int kinds = 0;
    for (const auto& [ids, chance] : want) {
      if (chance * rounds < 5) continue;
      square += std::pow(got[ids] - chance * rounds, 2) / (chance * rounds);
      ++kinds;
    }
    ASSERT_GT(kinds, 20);
    EXPECT_LT(square, kinds + 5 * std::sqrt(2.0 * kinds)) << by_model;
    EXPECT_GT(accepted, 0);
    EXPECT_LT(accepted, drafted);
  }
}

TEST(Speculation, AnotherVocabularyIsAnError) {
  ModelSpec other = plain_spec();
  other.vocabulary = 41;
  EXPECT_NE(test::error_of([&] { require_same_vocabulary(plain_spec(), other, "draft"); }).find("41 tokens"),
            std::string::npos);
  EXPECT_NO_THROW(require_same_vocabulary(plain_spec(), mixed_spec(), "draft"));
}

}  // namespace
}  // namespace coppice
