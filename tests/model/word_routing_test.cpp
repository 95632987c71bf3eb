// Experts chosen by words (MoWE), in the runtime: the choice and the result against plain definitions, whatever way a
// sequence is read.

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/batch_generator.h"
#include "model/decoder.h"
#include "model/drafter.h"
#include "model/kv_cache.h"
#include "model/router.h"
#include "numeric_model.h"
#include "random_word_router.h"
#include "support.h"
#include "text/random_words.h"

namespace coppice {
namespace {

using test::error_of;
using test::NumericModel;
using testing::HasSubstr;

constexpr int64_t entries = 30, longest = 3;

// `experts` experts in both blocks, by words of a vocabulary of few tokens, so that many positions have one.
ModelSpec word_spec(int64_t experts = 9, int64_t width = 8) {
  ModelSpec spec{.vocabulary = 6, .width = 16, .context = 300};
  spec.routing_vocabulary = {.entries = std::max(entries, experts), .longest = longest};
  Rng rng(3);
  for (int i = 0; i < 2; ++i) {
    MoeSpec moe{.widths = std::vector<int64_t>(static_cast<size_t>(experts), width)};
    test::draw_word_router(moe, spec.routing_vocabulary->entries, rng);
    spec.blocks.push_back({AttentionSpec{.heads = 2, .kv_heads = 1, .head_dim = 6}, moe});
  }
  return spec;
}

Trace trace_of(Decoder& decoder, std::span<const int32_t> tokens) {
  Trace trace;
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  decoder.forward({&input, 1}, collect_into(trace));
  return trace;
}

std::vector<float> logits_of(Decoder& decoder, std::span<const int32_t> tokens) {
  return trace_of(decoder, tokens).at("logits").values;
}

TEST(WordRouting, ChoosesByTheWordAlone) {
  NumericModel model(word_spec(), 1);
  Rng rng(1);
  const auto tokens = test::random_tokens(model.spec(), 200, rng);
  const auto ids = test::naive_ending(model.neurons("model.routing_vocabulary"), longest, tokens);
  EXPECT_GT(std::set<int32_t>(ids.begin(), ids.end()).size(), 15u);
  const auto chosen = [&](const NumericModel& by) {
    Decoder decoder(by.open());
    Trace trace = trace_of(decoder, tokens);
    int64_t dropped = std::ssize(tokens);
    for (const int64_t count : decoder.expert_load()[0].tokens) dropped -= count;
    EXPECT_EQ(dropped, 0);
    EXPECT_FALSE(trace.contains("layers.0.router.logits"));
    return trace.at("layers.0.router.expert").values;
  };
  const auto experts = test::naive_experts(moe_of(model.spec().blocks[0])->router.word_blocks);
  const auto choice = chosen(model);
  for (size_t t = 0; t < tokens.size(); ++t)
    ASSERT_EQ(choice[t], static_cast<float>(experts[static_cast<size_t>(ids[t])])) << t;
  NumericModel other(model.spec(), 2);
  other.neurons("model.routing_vocabulary") = model.neurons("model.routing_vocabulary");
  EXPECT_EQ(chosen(other), choice);
}

TEST(WordRouting, CopiesOfOneFeedForwardAreIt) {
  ModelSpec plain = word_spec();
  plain.routing_vocabulary.reset();
  for (auto& block : plain.blocks) block.ffn = DenseFfnSpec{.width = 40};
  NumericModel dense(plain, 3), copies(word_spec(9, 40), 4);
  for (const auto& tensor : tensor_table(copies.spec())) {
    if (tensor.integer) continue;
    std::string name = tensor.name;  // model.layers.0.mlp.experts.3.up_proj.weight
    if (const size_t at = name.find("experts."); at != name.npos)
      name.erase(at, name.find('.', at + 8) + 1 - at);
    copies.floats(tensor.name) = dense.floats(name);
  }
  Rng rng(5);
  const auto tokens = test::random_tokens(plain, 100, rng);
  Decoder a(dense.open()), b(copies.open());
  EXPECT_EQ(logits_of(a, tokens), logits_of(b, tokens));
}

// A cache keeps what words reach back to: read in pieces, in company, from a copy, and behind guesses that were taken back.
TEST(WordRouting, WaysOfReadingChangeNoBit) {
  const NumericModel model(word_spec(), 6);
  Decoder decoder(model.open());
  Rng rng(7);
  const auto tokens = test::random_tokens(model.spec(), 150, rng);
  const std::span<const int32_t> text = tokens;
  const auto whole = logits_of(decoder, tokens);
  const auto row = [&](size_t t) {
    return std::vector(whole.begin() + static_cast<std::ptrdiff_t>(t * 6),
                       whole.begin() + static_cast<std::ptrdiff_t>(t * 6 + 6));
  };
  const auto feed = [&](KvCache& cache, std::span<const int32_t> piece) {
    const std::vector<int32_t> noise = test::random_tokens(model.spec(), 5, rng);
    const Decoder::Input inputs[] = {{.tokens = noise}, {.tokens = piece, .cache = &cache}};
    const auto logits = decoder.forward(inputs);
    return std::vector(logits.end() - 6, logits.end());
  };
  const auto cache = decoder.new_cache();
  for (size_t at = 0, step = 1; at < text.size(); at += step, step = step % 4 + 1) {
    step = std::min(step, text.size() - at);
    feed(*cache, test::random_tokens(model.spec(), 3, rng));  // guesses
    cache->truncate(static_cast<int64_t>(at));
    ASSERT_EQ(feed(*cache, text.subspan(at, step)), row(at + step - 1)) << at;
    KvCache copy = *cache;
    if (at + step < text.size()) {
      ASSERT_EQ(feed(copy, text.subspan(at + step, 1)), row(at + step)) << at;
    }
  }
  // A prefix of it, however short, begins another.
  for (const size_t kept : {0, 1, 2, 70}) {
    KvCache prefix = *cache;
    prefix.truncate(static_cast<int64_t>(kept));
    ASSERT_EQ(feed(prefix, text.subspan(kept, 9)), row(kept + 8)) << kept;
  }
}

TEST(WordRouting, GuessesAndSharedPrefixesChangeNoText) {
  const NumericModel model(word_spec(), 8);
  Decoder decoder(model.open());
  Rng rng(9);
  const auto prompt = test::random_tokens(model.spec(), 80, rng);
  GenerateOptions options{.tokens = 60, .sampler = {.temp = 0}};
  BatchGenerator plain(decoder, {.kept_prefixes = 0}), shared(decoder);
  const auto want = generate(plain, {.prompt = prompt, .options = options}).ids;
  for (int round = 0; round < 2; ++round) {
    options.drafter = make_ngram_drafter(3, 1);
    const auto got = generate(shared, {.prompt = prompt, .options = options});
    EXPECT_EQ(got.ids, want);
    EXPECT_GT(got.drafted, got.accepted);
    if (round == 1) {
      EXPECT_GT(got.prompt_reused, 0);
    }
  }
}

TEST(WordRouting, CostOfATokenDoesNotGrowWithTheExperts) {
  int64_t bytes = 0, active = 0;
  for (const int64_t experts : {16, 256, 4096}) {
    ModelSpec spec = word_spec(experts, 2);
    spec.blocks.resize(1);
    moe_of(spec.blocks[0])->gated = false;
    const NumericModel model(spec, 10);
    const int64_t own = Decoder(model.open()).bytes_per_token();
    if (bytes == 0) bytes = own, active = count_parameters(spec).active;
    EXPECT_EQ(own, bytes) << experts;
    EXPECT_EQ(count_parameters(spec).active, active) << experts;
  }
}

TEST(WordRouting, WantsARoutingIdOfEveryToken) {
  const NumericModel model(word_spec(), 11);
  const auto files = model.open();
  WeightStore weights(files, WeightType::f32);
  Router router(*moe_of(model.spec().blocks[0]), {}, weights, "model.layers.0.mlp.gate.");
  const TraceSink trace;
  Pass pass{.kernels = kernels::active(), .trace = trace, .rows = 4, .width = 16, .words = {1, 2, 3}};
  EXPECT_THAT(error_of([&] { router.route(pass, nullptr, 1); }),
              HasSubstr("3 routing ids, expected one for each of 4"));
  pass.words = {-7, static_cast<int32_t>(entries), INT32_MAX, 0};  // no such words: the unknown one's expert
  for (const Choice& choice : router.route(pass, nullptr, 1)) {
    EXPECT_EQ(choice.expert, 0);
    EXPECT_EQ(choice.weight, 1);
  }
}

TEST(WordRouting, DamagedVocabulariesAreRefused) {
  NumericModel model(word_spec(), 12);
  auto& table = model.neurons("model.routing_vocabulary");
  const auto good = table;
  const auto complaint = [&] { return error_of([&] { Decoder decoder(model.open()); }); };
  table[3] = 6;
  EXPECT_THAT(complaint(), HasSubstr("model.routing_vocabulary: token id 6 in entry 1, expected 0 to 5"));
  table = good;
  std::copy_n(table.begin() + 3, 3, table.begin() + 6);
  EXPECT_THAT(complaint(), HasSubstr("entry 1 once more as entry 2"));
  table = good;
  // Without the tensor, and with one of another size.
  const test::TemporaryFolder folder;
  std::filesystem::copy(model.open()->path(), folder.path(), std::filesystem::copy_options::recursive);
  const auto rewrite = [&](const char* from, const char* to) {
    std::string text = read_file(model.open()->path() / "config.json");
    const size_t at = text.find(from);
    ASSERT_NE(at, text.npos);
    write_file(folder / "config.json", text.replace(at, std::string(from).size(), to));
  };
  rewrite("\"longest\": 3", "\"longest\": 2");
  EXPECT_THAT(error_of([&] { ModelDirectory opened(folder.path()); }), HasSubstr("model.routing_vocabulary"));
  rewrite("\"entries\": 30", "\"entries\": 31");
  EXPECT_THAT(error_of([&] { ModelDirectory opened(folder.path()); }),
              HasSubstr("30 words in word_blocks, expected all 31"));
}

TEST(WordRouting, TakesOneExpertAndNoOther) {
  const NumericModel model(word_spec(), 13);
  Decoder decoder(model.open());
  EXPECT_THAT(error_of([&] { decoder.set_top_k(2); }), HasSubstr("a router by words"));
  EXPECT_NO_THROW(decoder.set_top_k(1));
}

}  // namespace
}  // namespace coppice
