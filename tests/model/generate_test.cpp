#include "model/generate.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/progress.h"
#include "model/kv_cache.h"
#include "model/score.h"
#include "numeric_model.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

ModelSpec small_spec() {
  return {.vocabulary = 30,
          .width = 16,
          .context = 12,
          .blocks = {{AttentionSpec{.heads = 2, .kv_heads = 1, .head_dim = 8}, DenseFfnSpec{.width = 20}}}};
}

const std::vector<int32_t> prompt = {3, 4, 5};

TEST(Generate, StopsAtTheContextWithEveryTokenUsed) {
  const test::NumericModel model(small_spec(), 1);
  Decoder decoder(model.open());
  std::vector<int32_t> streamed;
  const Generation result = generate(decoder, prompt, {.tokens = 100}, [&](int32_t id) {
    streamed.push_back(id);
    return true;
  });
  EXPECT_EQ(result.stopped, StopReason::context);
  // Nine tokens fill the context; the last of them predicts one more.
  EXPECT_EQ(result.ids.size(), 10u);
  EXPECT_EQ(streamed, result.ids);
}

TEST(Generate, StopsAtEosUnlessTold) {
  test::NumericModel model(small_spec(), 2);
  Decoder plain(model.open());
  const GenerateOptions greedy{.tokens = 5, .sampler = {.temp = 0}};
  const auto free_run = generate(plain, prompt, greedy).ids;
  ModelSpec spec = small_spec();
  spec.eos_ids = {free_run[2]};
  const test::NumericModel stopping(spec, 2);
  Decoder decoder(stopping.open());
  const Generation stopped = generate(decoder, prompt, greedy);
  EXPECT_EQ(stopped.stopped, StopReason::eos);
  const auto end = std::find(free_run.begin(), free_run.end(), free_run[2]);
  EXPECT_EQ(stopped.ids, std::vector<int32_t>(free_run.begin(), end));
  GenerateOptions on = greedy;
  on.stop_at_eos = false;
  EXPECT_EQ(generate(decoder, prompt, on).ids, free_run);
}

TEST(Generate, TheSinkCanEndIt) {
  const test::NumericModel model(small_spec(), 3);
  Decoder decoder(model.open());
  EXPECT_EQ(generate(decoder, prompt, {.tokens = 8}, [](int32_t) { return false; }).ids.size(), 1u);
  EXPECT_TRUE(generate(decoder, prompt, {.tokens = 0}).ids.empty());
}

TEST(Generate, ImpossiblePromptsAreErrors) {
  const test::NumericModel model(small_spec(), 4);
  Decoder decoder(model.open());
  EXPECT_THROW(generate(decoder, {}, {}), Error);
  EXPECT_THROW(generate(decoder, std::vector<int32_t>(13, 1), {}), Error);
  EXPECT_EQ(generate(decoder, std::vector<int32_t>(12, 1), {}).ids.size(), 1u);
}

TEST(Score, IsTheReferencesLogProbability) {
  const test::NumericModel model(small_spec(), 5);
  Decoder decoder(model.open());
  const Window window{.tokens = {1, 7, 9, 2, 2, 8}, .first_scored = 2};
  const auto scores = window_scorer(decoder)(window);
  ASSERT_EQ(scores.size(), 4u);
  const auto logits = model.reference_logits(window.tokens);
  for (size_t i = 0; i < scores.size(); ++i) {
    const double* row = logits.data() + (i + 1) * 30;
    double sum = 0;
    for (int v = 0; v < 30; ++v) sum += std::exp(row[v]);
    EXPECT_NEAR(scores[i], row[window.tokens[i + 2]] - std::log(sum), 1e-5);
  }
}

TEST(Score, DamagedWeightsAreAnError) {
  test::NumericModel model(small_spec(), 6);
  model.floats("model.norm.weight")[0] = NAN;
  Decoder decoder(model.open());
  EXPECT_THROW(window_scorer(decoder)({.tokens = {1, 2, 3}}), Error);
  EXPECT_THROW(generate(decoder, prompt, {}), Error);
}

TEST(Score, PerplexityOfTheTrainedModelIsTheReferences) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  Progress::silence(true);
  const auto folder = test::data_folder() / "stories260k-hf";
  const Json expected = read_json_file(folder / "expected.json");
  const auto tokenizer = load_tokenizer(folder);
  Decoder decoder(std::make_shared<ModelDirectory>(folder));
  const auto ids = tokenizer->encode(expected.at("nll_text").get<std::string>(), false);
  const auto windows = cut_windows(ids, decoder.spec().context, 0, tokenizer->leading_token());
  EXPECT_NEAR(measure_perplexity(windows, window_scorer(decoder)).nll,
              expected.at("nll_mean_all_tokens_bos_context").get<double>(), 1e-4);
}

}  // namespace
}  // namespace coppice
