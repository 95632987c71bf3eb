#include "lab/route/word_routing.h"

#include <numeric>

#include <gmock/gmock.h>

#include "base/progress.h"
#include "base/rng.h"
#include "lab/route/router.h"
#include "lab/tiny_models.h"
#include "lab/train/trainer.h"
#include "support.h"

namespace coppice::test {
namespace {

using testing::HasSubstr;

ModelSpec word_model() {
  ModelSpec spec = tiny_dense();
  spec.family = "coppice";
  choose_by_words(spec, spec.blocks);
  return spec;
}

TEST(WordRouter, TakesTheExpertOfTheWordWhateverTheInput) {
  lab::Router router(tiny_word_moe(), 16);
  EXPECT_TRUE(router.parameters().empty());
  const torch::Tensor words =
      torch::tensor(std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 15, 16, -1, 1 << 30});
  for (int round = 0; round < 2; ++round) {
    const lab::Routing routing = router.forward(torch::randn({12, 16}), words);
    // Blocks {1, 1}, {5, 3}, {10, 2}; what is no word is the unknown one.
    const torch::Tensor experts = torch::tensor(std::vector<int64_t>{0, 1, 2, 3, 1, 2, 4, 5, 5, 0, 0, 0});
    EXPECT_TRUE(torch::equal(routing.experts.flatten(), experts));
    EXPECT_TRUE(torch::equal(routing.weights, torch::ones({12, 1})));
  }
  EXPECT_THAT(error_of([&] {
                router.forward(torch::randn({3, 16}), words);
              }),
              HasSubstr("12 routing ids, expected one for each of 3 tokens"));
  EXPECT_THAT(error_of([&] { router.forward(torch::randn({3, 16})); }), HasSubstr("0 routing ids"));
}

// The table belongs to the weights: it is written, read and copied with them.
TEST(WordRouter, WordsAreThoseOfTheState) {
  const ModelSpec spec = word_model();
  const auto model = random_model(spec, 5);
  const torch::Tensor ids = torch::tensor(std::vector<int64_t>{17, 5, 9, 30, 2, 12, 12, 8}).unsqueeze(0);
  const torch::Tensor logits = model->forward(ids);
  const auto experts = [](lab::LanguageModel& of) { return of.block(1).ffn->routing()->experts.flatten(); };
  // Entries 0, 6 (17 5), 12, 0, 8 (9 30 2), 2, 7 (12 12), 9.
  EXPECT_TRUE(torch::equal(experts(*model), torch::tensor(std::vector<int64_t>{0, 4, 4, 0, 4, 2, 5, 5})));
  lab::StateDict state = lab::state_of(*model);
  EXPECT_TRUE(torch::equal(lab::make_model(spec, state)->forward(ids), logits));
  const torch::Tensor& table = state.at("model.routing_vocabulary");
  state["model.routing_vocabulary"] = torch::full_like(table, -1);
  const auto unknowing = lab::make_model(spec, state);
  unknowing->forward(ids);
  EXPECT_EQ(experts(*unknowing).count_nonzero().item<int64_t>(), 0);
  state["model.routing_vocabulary"][1][0] = 40;
  EXPECT_THAT(error_of([&] { lab::make_model(spec, state)->forward(ids); }),
              HasSubstr("model.routing_vocabulary: token id 40 in entry 1"));
}

TEST(WordRouter, TrainsTheExpertsOfTheWordsThatItSees) {
  Progress::silence(true);
  const ModelSpec spec = word_model();
  const auto model = random_model(spec, 6);
  lab::StateDict before;
  for (const auto& [name, tensor] : lab::state_of(*model)) before[name] = tensor.clone();
  std::vector<TokenId> ids;  // of words, 1 and 12 alone, which have experts 1 and 2
  Rng rng(1);
  for (int i = 0; i < 300; ++i) ids.push_back(i % 2 == 0 ? 1 : 12 + 8 * static_cast<TokenId>(rng.below(2)));
  const auto text = std::make_shared<lab::PackedText>(ids, 12, spec.vocabulary, 0);
  const auto result = lab::train(
      {.model = model, .text = text, .options = {.steps = 8, .batch = 4, .warmup = 1, .weight_decay = 0}});
  EXPECT_TRUE(std::isfinite(result.loss));
  const lab::StateDict after = lab::state_of(*model);
  for (int64_t e = 0; e < 6; ++e) {
    const std::string name = fmt::format("model.layers.1.mlp.experts.{}.up_proj.weight", e);
    EXPECT_EQ(torch::equal(before.at(name), after.at(name)), e > 2) << e;
  }
  EXPECT_TRUE(torch::equal(before.at("model.routing_vocabulary"), after.at("model.routing_vocabulary")));
}

// Words "1", "2 3" and "4", of falling frequency, among parts that are none.
TEST(FitWordRouters, MakesWordsAndBlocksOfText) {
  WordsOfText text;
  const auto add = [&text](std::vector<TokenId> tokens, bool word) {
    text.parts.push_back({text.ids.size(), text.ids.size() + tokens.size(), word});
    text.ids.insert(text.ids.end(), tokens.begin(), tokens.end());
  };
  for (int i = 0; i < 60; ++i) {
    add({1}, true);
    if (i % 2 == 0) add({2, 3}, true);
    if (i % 6 == 0) add({4}, true);
    if (i % 12 == 0) add({9}, false);
  }
  ModelSpec spec = word_model();
  EXPECT_THAT(error_of(
                  [&] {
                    lab::fit_word_routers(spec, {&text, 1}, {.least_count = 6});
                  },
                  Fault::usage),
              HasSubstr("experts: 6, expected 2 to 5"));
  moe_of(spec.blocks[1])->widths.resize(4);
  const auto table = lab::fit_word_routers(spec, {&text, 1}, {.name_words = 1, .least_count = 6});
  EXPECT_EQ(spec.routing_vocabulary, (RoutingVocabularySpec{.entries = 5, .longest = 2}));
  EXPECT_EQ(table, (std::vector<TokenId>{-1, -1, 1, -1, 2, -1, 2, 3, 4, -1}));
  // Of 60, 30, 30 and 10 tokens the first two are the first half.
  EXPECT_EQ(moe_of(spec.blocks[1])->router.word_blocks, (std::vector<WordBlock>{{1, 1}, {2, 2}, {2, 1}}));
  EXPECT_NO_THROW(validate(spec, "spec"));
}

}  // namespace
}  // namespace coppice::test
