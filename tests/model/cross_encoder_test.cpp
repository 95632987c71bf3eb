// Cross-encoders: what they see of a pair and make of it, against the model alone; and directories that are none.

#include "model/sentence/cross_encoder.h"

#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/finequant/finequant_model.h"
#include "model/numeric_model.h"
#include "model/sentence/sentence_encoder.h"
#include "model/small_bert.h"
#include "model/tiny_tokenizers.h"

namespace coppice {
namespace {

using test::error_of;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int64_t context = 14;

ModelSpec classifier_spec(int64_t labels = 1) {
  ModelSpec spec = test::small_bert_spec(70, context, 2);
  spec.pooler = false;
  spec.head = HeadKind::classifier;
  spec.head_activation = Activation::tanh;
  spec.head_bias = true;
  spec.labels = labels;
  return spec;
}

class CrossEncoderDirectory : public testing::Test {
 protected:
  void make(const ModelSpec& spec, const Json& more = Json::object()) {
    test::NumericModel model(spec, 11);
    for (float& bias : model.floats("classifier.bias")) bias += 0.3F;
    files_ = model.open();
    Json config = files_->config();
    config.update(more);
    fs::copy(files_->path() / "model.safetensors", path() / "model.safetensors",
             fs::copy_options::overwrite_existing);
    write_file(path() / "config.json", to_text(config));
    test::write_word_piece_files(path());
  }
  const fs::path& path() const { return folder_.path(); }

  // By the model alone, of [CLS] first [SEP] second [SEP].
  float logit(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const {
    std::vector<int32_t> ids = {2}, texts;
    ids.insert(ids.end(), first.begin(), first.end());
    ids.push_back(3);
    texts.assign(ids.size(), 0);
    ids.insert(ids.end(), second.begin(), second.end());
    ids.push_back(3);
    texts.resize(ids.size(), 1);
    Decoder decoder(files_);
    Decoder::Input input{.tokens = ids};
    if (files_->spec().token_types > 1) input.texts = texts;
    const auto logits = decoder.forward({&input, 1});
    EXPECT_EQ(logits.size(), 1u);
    return logits[0];
  }
  float logit(const std::string& first, const std::string& second) const {
    const auto tokenizer = load_tokenizer(path());
    return logit(tokenizer->encode(first, false), tokenizer->encode(second, false));
  }

  const test::TemporaryFolder folder_;
  std::shared_ptr<const ModelDirectory> files_;
};

const std::vector<TextPair> pairs = {
    {"the text", "a little text"}, {"a", "bcd"}, {"text", ""}, {"", "the"}, {"bc", " the text. \n"}};

TEST_F(CrossEncoderDirectory, ScoresAreThoseOfTheModel) {
  const auto sigmoid = [](float x) { return static_cast<float>(1 / (1 + std::exp(-double{x}))); };
  const Json identity = "torch.nn.modules.linear.Identity";
  for (const auto& [more, plain] : std::vector<std::pair<Json, bool>>{
           {Json::object(), false},
           {{{"sbert_ce_default_activation_function", identity}}, true},
           {{{"sentence_transformers", {{"activation_fn", identity}}}}, true},
           {{{"sentence_transformers",
              {{"version", "5.1.0"}, {"activation_fn", "torch.nn.modules.activation.Sigmoid"}}}},
            false}}) {
    make(classifier_spec(), more);
    CrossEncoder encoder(path());
    const auto scores = encoder.score(pairs);
    for (size_t i = 0; i < pairs.size(); ++i) {
      const float expected = logit(pairs[i].first, pairs[i].second);
      EXPECT_EQ(scores[i], plain ? expected : sigmoid(expected)) << i;
    }
    EXPECT_NE(scores[0], encoder.score(std::vector<TextPair>{{"a little text", "the text"}})[0])
        << "which text comes first matters";
  }
}

TEST_F(CrossEncoderDirectory, TypesAreLeftOutWhereTheModelHasNone) {
  ModelSpec spec = classifier_spec();
  spec.family = "distilbert";
  spec.token_types = 0;
  spec.norm_epsilon = 1e-12;
  spec.head_activation = Activation::relu;
  make(spec);
  ASSERT_EQ(files_->spec().family, "distilbert");
  CrossEncoder encoder(path());
  const auto scores = encoder.score(pairs);
  for (size_t i = 0; i < pairs.size(); ++i)
    EXPECT_FLOAT_EQ(scores[i],
                    static_cast<float>(1 / (1 + std::exp(-double{logit(pairs[i].first, pairs[i].second)}))));
}

TEST_F(CrossEncoderDirectory, AScoreDoesNotDependOnItsCompany) {
  make(classifier_spec());
  CrossEncoder encoder(path());
  std::vector<TextPair> many;
  Rng rng(3);
  for (int i = 0; i < 150; ++i) {
    std::string text;
    for (uint64_t words = rng.below(9); words > 0; --words) text += rng.chance(0.5) ? " the" : " b";
    many.push_back({i % 3 == 0 ? "text" : "a little", text});
  }
  int64_t reported = 0;
  const auto together = encoder.score(many, [&](int64_t count) { reported += count; });
  EXPECT_EQ(reported, 150);
  for (size_t i = 0; i < many.size(); i += 7) EXPECT_EQ(encoder.score({&many[i], 1})[0], together[i]);
  EXPECT_TRUE(encoder.score({}).empty());
}

// The longer text is cut, and both to the same length if both are long.
TEST_F(CrossEncoderDirectory, LongPairsAreCutToTheContext) {
  make(classifier_spec());
  CrossEncoder encoder(path());
  const auto tokenizer = load_tokenizer(path());
  std::string long_text, longer_text;
  for (int i = 0; i < 30; ++i) long_text += " the", longer_text += " a little";
  const std::vector<TextPair> cut = {{"text a", long_text}, {long_text, "text a"}, {long_text, longer_text}};
  const auto scores = encoder.score(cut);
  EXPECT_EQ(encoder.truncated(), 3);
  constexpr size_t room = context - 3;
  const auto first = [&](const std::string& text, size_t count) {
    auto ids = tokenizer->encode(text, false);
    ids.resize(std::min(ids.size(), count));
    return ids;
  };
  const auto expected = [&](const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
    return static_cast<float>(1 / (1 + std::exp(-double{logit(a, b)})));
  };
  EXPECT_EQ(scores[0], expected(first("text a", room), first(long_text, room - 2)));
  EXPECT_EQ(scores[1], expected(first(long_text, room - 2), first("text a", room)));
  EXPECT_EQ(scores[2], expected(first(long_text, room / 2), first(longer_text, room - room / 2)));
  EXPECT_EQ(encoder.tokenize(cut[2]).size(), static_cast<size_t>(context));
  write_file(path() / "tokenizer_config.json",
             R"({"tokenizer_class": "BertTokenizer", "do_lower_case": true, "model_max_length": 9})");
  EXPECT_EQ(CrossEncoder(path()).max_tokens(), 9);
}

TEST_F(CrossEncoderDirectory, WhatScoresNoPairsIsRefused) {
  const auto refusal = [&] { return error_of([&] { CrossEncoder encoder(path()); }); };
  make(classifier_spec(3));
  EXPECT_THAT(refusal(), HasSubstr("a classifier of 3 labels, expected one label"));
  make(classifier_spec(), {{"sbert_ce_default_activation_function", "os.system"}});
  EXPECT_THAT(refusal(), testing::AllOf(HasSubstr("sbert_ce_default_activation_function"),
                                        HasSubstr("torch.nn.modules.linear.Identity")));
  make(classifier_spec(), {{"sentence_transformers", {{"activation_fn", 3}}}});
  EXPECT_THAT(refusal(), HasSubstr("sentence_transformers.activation_fn"));
  make(classifier_spec());
  fs::remove(path() / "vocab.txt");
  test::write_unigram_files(path());
  Json tokenizer = read_json_file(path() / "tokenizer.json");
  CrossEncoder ends(path());  // a text ends with </s>, which stands between the two
  tokenizer["post_processor"] = nullptr;
  write_file(path() / "tokenizer.json", to_text(tokenizer));
  EXPECT_THAT(refusal(), HasSubstr("puts nothing between the texts of a pair"));
  test::NumericModel bare(test::small_bert_spec(70, context, 1), 2);
  EXPECT_THAT(error_of([&] { CrossEncoder encoder(bare.open()->path()); }),
              HasSubstr("a model without a classifier"));
  EXPECT_THAT(error_of([&] { CrossEncoder encoder(path() / "nowhere"); }), HasSubstr("no such directory"));
}

// What a directory says of scores and labels is still there when the model is written again, in whatever form.
TEST_F(CrossEncoderDirectory, ItsActivationIsKeptWhereTheModelIsWrittenAgain) {
  make(classifier_spec(),
       {{"sentence_transformers", {{"activation_fn", "torch.nn.modules.linear.Identity"}}}});
  const auto expected = CrossEncoder(path()).score(pairs);
  const ModelDirectory model(path());
  EXPECT_EQ(model.spec().score_activation, ModuleActivation::identity);
  const test::TemporaryFolder again, quantized;
  write_model(again.path(), model);
  test::write_word_piece_files(again.path());
  EXPECT_EQ(CrossEncoder(again.path()).score(pairs), expected);
  write_finequant(model, {}, quantized.path());
  test::write_word_piece_files(quantized.path());
  EXPECT_EQ(CrossEncoder(quantized.path()).activation(), ModuleActivation::identity);
}

TEST(ClassifierLabels, KeepTheirNames) {
  ModelSpec spec = classifier_spec(3);
  for (const char* family : {"bert", "roberta"}) {
    SCOPED_TRACE(family);
    spec.family = family;
    spec.position_offset = spec.family == "roberta" ? 2 : 0;
    spec.label_names = {};
    const auto nameless = test::NumericModel(spec, 5).open();
    EXPECT_EQ(nameless->config()["id2label"]["2"], "LABEL_2");
    EXPECT_EQ(nameless->spec(), spec) << "names that Transformers makes up are none";
    spec.label_names = {"negative", "neutral \"so so\"", "positive"};
    const auto named = test::NumericModel(spec, 5).open();
    EXPECT_EQ(named->config()["id2label"],
              Json({{"0", "negative"}, {"1", "neutral \"so so\""}, {"2", "positive"}}));
    EXPECT_EQ(named->config()["label2id"]["positive"], 2);
    EXPECT_EQ(named->spec(), spec);
    const test::TemporaryFolder again, quantized;
    write_model(again.path(), *named);
    EXPECT_EQ(ModelDirectory(again.path()).spec(), spec);
    write_finequant(*named, {}, quantized.path());
    EXPECT_EQ(open_model(quantized.path())->spec().label_names, spec.label_names);
  }
}

TEST(ClassifierLabels, AreNumberedWithoutAGap) {
  const test::NumericModel model(classifier_spec(3), 5);
  const auto files = model.open();
  Json config = files->config();
  config["id2label"] = {{"2", "c"}, {"0", "a"}, {"1", 7}};
  write_file(files->path() / "config.json", to_text(config));
  EXPECT_EQ(ModelDirectory(files->path()).spec().label_names, (std::vector<std::string>{"a", "7", "c"}));
  config["id2label"] = {{"0", "a"}, {"1", "b"}, {"3", "d"}};
  write_file(files->path() / "config.json", to_text(config));
  EXPECT_THAT(error_of([&] { ModelDirectory directory(files->path()); }),
              testing::AllOf(HasSubstr("config.json.id2label"), HasSubstr("none of the number 2")));
  ModelSpec spec = classifier_spec(3);
  spec.label_names = {"a", "b"};
  EXPECT_THAT(error_of([&] { validate(spec, "x"); }),
              HasSubstr("2 names of labels, expected none, or one for each of 3"));
}

TEST_F(CrossEncoderDirectory, MakesNoVectors) {
  make(classifier_spec());
  EXPECT_THAT(error_of([&] { SentenceEncoder encoder(path(), {}); }, Fault::usage),
              testing::AllOf(HasSubstr("classifies texts"), HasSubstr("--rerank")));
}

}  // namespace
}  // namespace coppice
