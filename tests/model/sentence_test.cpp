// Sentence encoders: what their files say, pooling against plain loops, and whole directories against the
// model itself.

#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/numeric_model.h"
#include "model/sentence/pooling.h"
#include "model/sentence/sentence_encoder.h"
#include "model/small_bert.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;
namespace fs = std::filesystem;

TEST(PoolTokens, EqualsItsDefinition) {
  Rng rng(1);
  constexpr int64_t width = 5, tokens = 7;
  std::vector<float> x;
  for (int64_t i = 0; i < tokens * width; ++i) x.push_back(static_cast<float>(rng.normal()));
  for (const int64_t skip : {0, 3, 6})
    for (int64_t i = 0; i < width; ++i) {
      double sum = 0, weighted = 0, weights = 0, most = -INFINITY;
      for (int64_t t = skip; t < tokens; ++t) {
        const double value = x[static_cast<size_t>(t * width + i)];
        sum += value;
        weighted += static_cast<double>(t + 1) * value;
        weights += static_cast<double>(t + 1);
        most = std::max(most, value);
      }
      const auto left = static_cast<double>(tokens - skip);
      const auto pooled = [&](Pooling pooling) {
        return static_cast<double>(pool_tokens(pooling, x, width, skip)[static_cast<size_t>(i)]);
      };
      EXPECT_EQ(pooled(Pooling::cls), x[static_cast<size_t>(i)]);
      EXPECT_EQ(pooled(Pooling::last), x[static_cast<size_t>((tokens - 1) * width + i)]);
      EXPECT_EQ(pooled(Pooling::max), most);
      EXPECT_NEAR(pooled(Pooling::mean), sum / left, 1e-6);
      EXPECT_NEAR(pooled(Pooling::mean_sqrt_length), sum / std::sqrt(left), 1e-6);
      EXPECT_NEAR(pooled(Pooling::weighted_mean), weighted / weights, 1e-6);
    }
}

TEST(PoolTokens, OfNothingIsZero) {
  const std::vector<float> zero(3), x = {1, 2, 3};
  for (const Pooling pooling :
       {Pooling::max, Pooling::mean, Pooling::mean_sqrt_length, Pooling::weighted_mean, Pooling::last}) {
    EXPECT_EQ(pool_tokens(pooling, {}, 3), zero);
    EXPECT_EQ(pool_tokens(pooling, x, 3, 1), zero);
  }
  std::vector<float> none(3);
  normalize(none);
  EXPECT_EQ(none, zero);
  std::vector<float> y = {3, 0, -4};
  normalize(y);
  EXPECT_THAT(y, testing::Pointwise(testing::FloatEq(), {0.6F, 0.0F, -0.8F}));
}

Json module(const char* kind, const std::string& folder) {
  return {{"idx", 0},
          {"name", "0"},
          {"path", folder},
          {"type", std::string("sentence_transformers.models.") + kind}};
}

// A small BERT with a vocabulary of words, and whatever files a test adds.
class SentenceDirectory : public testing::Test {
 protected:
  SentenceDirectory() {
    model_.emplace(test::small_bert_spec(16, 14, 2), 9);
    files_ = model_->open();
    for (const char* name : {"config.json", "model.safetensors"})
      fs::copy(files_->path() / name, path() / name);
    write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nquery\n:\nAA\nh\n");
    write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer", "do_lower_case": false})");
    modules_ = Json::array({module("Transformer", ""), module("Pooling", "1_Pooling")});
    pooling_ = {{"word_embedding_dimension", 12}, {"pooling_mode_mean_tokens", true}};
  }

  const fs::path& path() const { return folder_.path(); }
  void write(const std::string& name, const std::string& text) {
    fs::create_directories((path() / name).parent_path());
    write_file(path() / name, text);
  }
  void write_json(const std::string& name, const Json& json) { write(name, to_text(json)); }

  SentenceEncoder open(const SentenceOptions& options = {}) {
    write_json("modules.json", modules_);
    write_json("1_Pooling/config.json", pooling_);
    return SentenceEncoder(path(), options);
  }
  // Hidden states of ids, by the model alone.
  std::vector<float> states(const std::vector<int32_t>& ids) const {
    Decoder decoder(files_);
    const Decoder::Input input{.tokens = ids};
    return decoder.hidden_states({&input, 1});
  }
  static std::vector<float> embed(SentenceEncoder& encoder, const std::string& text) {
    return encoder.encode({&text, 1});
  }
  void add_dense(int64_t in, int64_t out, const char* activation) {
    modules_.push_back(module("Dense", "2_Dense"));
    write_json(
        "2_Dense/config.json",
        Json{
            {"in_features", in}, {"out_features", out}, {"bias", true}, {"activation_function", activation}});
    for (int64_t i = 0; i < in * out; ++i) weight_.push_back(0.1F * static_cast<float>(i % 7 - 3));
    for (int64_t i = 0; i < out; ++i) bias_.push_back(0.2F * static_cast<float>(i));
    const TensorData tensors[] = {{"linear.weight", DType::f32, {out, in}, std::as_bytes(std::span(weight_))},
                                  {"linear.bias", DType::f32, {out}, std::as_bytes(std::span(bias_))}};
    write_safetensors(path() / "2_Dense/model.safetensors", tensors);
  }

  TemporaryFolder folder_;
  std::optional<test::NumericModel> model_;  // owns the folder of `files_`
  std::shared_ptr<const ModelDirectory> files_;
  Json modules_, pooling_;
  std::vector<float> weight_, bias_;
};

TEST_F(SentenceDirectory, EveryPoolingIsThatOfTheModelsStates) {
  const auto x = states({2, 5, 6, 7, 3});
  for (const auto& [key, pooling] : {std::pair{"pooling_mode_cls_token", Pooling::cls},
                                     {"pooling_mode_max_tokens", Pooling::max},
                                     {"pooling_mode_mean_tokens", Pooling::mean},
                                     {"pooling_mode_mean_sqrt_len_tokens", Pooling::mean_sqrt_length},
                                     {"pooling_mode_weightedmean_tokens", Pooling::weighted_mean},
                                     {"pooling_mode_lasttoken", Pooling::last}}) {
    pooling_ = {{"word_embedding_dimension", 12}, {key, true}};
    SentenceEncoder encoder = open();
    EXPECT_EQ(encoder.width(), 12);
    EXPECT_EQ(embed(encoder, " a b\tc\n"), pool_tokens(pooling, x, 12)) << key;
  }
}

TEST_F(SentenceDirectory, PoolingsStandSideBySideInTheLibrarysOrder) {
  pooling_ = {
      {"pooling_mode_lasttoken", true}, {"pooling_mode_mean_tokens", true}, {"pooling_mode_cls_token", true}};
  SentenceEncoder encoder = open();
  const auto x = states({2, 5, 3});
  std::vector<float> expected;
  for (const Pooling pooling : {Pooling::cls, Pooling::mean, Pooling::last}) {
    const auto part = pool_tokens(pooling, x, 12);
    expected.insert(expected.end(), part.begin(), part.end());
  }
  EXPECT_EQ(encoder.width(), 36);
  EXPECT_EQ(embed(encoder, "a"), expected);
}

TEST_F(SentenceDirectory, ThePoolerIsAPoolingToo) {
  SentenceEncoder encoder = open({.pooling = {Pooling::pooler}});
  Decoder decoder(files_);
  const auto x = states({2, 5, 3});
  EXPECT_EQ(embed(encoder, "a"), decoder.pool(std::span(x).first(12)));
}

TEST_F(SentenceDirectory, DenseAndNormalizeFollow) {
  add_dense(12, 4, "torch.nn.modules.activation.Tanh");
  modules_.push_back(module("Normalize", "3_Normalize"));
  SentenceEncoder encoder = open();
  EXPECT_EQ(encoder.width(), 4);
  EXPECT_TRUE(encoder.normalizes());
  const auto x = pool_tokens(Pooling::mean, states({2, 5, 3}), 12);
  std::vector<double> y;
  double squares = 0;
  for (size_t row = 0; row < 4; ++row) {
    double sum = bias_[row];
    for (size_t i = 0; i < 12; ++i)
      sum += static_cast<double>(weight_[row * 12 + i]) * static_cast<double>(x[i]);
    y.push_back(std::tanh(sum));
    squares += y.back() * y.back();
  }
  for (double& value : y) value /= std::sqrt(squares);
  EXPECT_LT(test::relative_difference(embed(encoder, "a"), y), 1e-6);
}

TEST_F(SentenceDirectory, TheBatchChangesNoBit) {
  const std::vector<std::string> texts = {"a", "b c d e f g a b c", "", "c c", "a b c d", "g"};
  SentenceEncoder whole = open({.normalize = true, .batch = 64}),
                  pairs = open({.normalize = true, .batch = 2});
  int64_t done = 0;
  const auto vectors = whole.encode(texts, [&](int64_t count) { done += count; });
  EXPECT_EQ(done, 6);
  EXPECT_EQ(pairs.encode(texts), vectors);
  EXPECT_EQ(pairs.tokens(), whole.tokens());
  for (size_t i = 0; i < texts.size(); ++i) {
    SentenceEncoder alone = open({.normalize = true});
    const auto vector = embed(alone, texts[i]);
    EXPECT_TRUE(std::ranges::equal(vector, std::span(vectors).subspan(i * 12, 12))) << texts[i];
  }
}

TEST_F(SentenceDirectory, LongTextsAreCutBeforeTheEndToken) {
  write_json("sentence_bert_config.json", Json{{"max_seq_length", 5}, {"do_lower_case", true}});
  SentenceEncoder encoder = open();
  EXPECT_EQ(encoder.max_tokens(), 5);
  EXPECT_EQ(encoder.tokenize("A B c d e f"), (std::vector<TokenId>{2, 5, 6, 7, 3}));
  EXPECT_EQ(encoder.tokenize("a b c"), (std::vector<TokenId>{2, 5, 6, 7, 3}));
  const std::vector<std::string> texts = {"a b c d", "a b c"};
  encoder.encode(texts);
  EXPECT_EQ(encoder.truncated(), 1);
  EXPECT_EQ(encoder.tokens(), 10);
  EXPECT_EQ(open({.max_tokens = 3}).tokenize("b c d"), (std::vector<TokenId>{2, 6, 3}));
  fs::remove(path() / "sentence_bert_config.json");
  EXPECT_EQ(open().max_tokens(), 14);  // the model's context
  EXPECT_EQ(open().tokenize("AA"), (std::vector<TokenId>{2, 14, 3}));
  write("tokenizer_config.json",
        R"({"tokenizer_class": "BertTokenizer", "do_lower_case": false, "model_max_length": 9})");
  EXPECT_EQ(open().max_tokens(), 9);
  write(
      "tokenizer_config.json",
      R"({"tokenizer_class": "BertTokenizer", "do_lower_case": false, "model_max_length": 1000000000000000019884624838656})");
  EXPECT_EQ(open().max_tokens(), 14);
  EXPECT_THAT(error_of([&] { open({.max_tokens = 15}); }, Fault::usage), HasSubstr("context of 14"));
}

TEST_F(SentenceDirectory, PromptsComeBeforeTheText) {
  write_json("config_sentence_transformers.json", Json{{"__version__", {{"pytorch", "2"}}},
                                                       {"prompts", {{"query", "query : "}, {"passage", ""}}},
                                                       {"default_prompt_name", "query"},
                                                       {"similarity_fn_name", "cosine"}});
  SentenceEncoder encoder = open();
  EXPECT_EQ(encoder.prompt(), "query : ");
  const auto x = states({2, 12, 13, 5, 6, 3});
  EXPECT_EQ(embed(encoder, "a b"), pool_tokens(Pooling::mean, x, 12));
  SentenceEncoder passage = open({.prompt_name = "passage"}), own = open({.prompt = "query : "});
  EXPECT_EQ(embed(passage, "a b"), pool_tokens(Pooling::mean, states({2, 5, 6, 3}), 12));
  EXPECT_EQ(embed(own, "a b"), embed(encoder, "a b"));
  // The tokens of the prompt, and that which begins the text, are left out of the mean.
  pooling_["include_prompt"] = false;
  SentenceEncoder without = open();
  EXPECT_EQ(embed(without, "a b"), pool_tokens(Pooling::mean, x, 12, 3));
  EXPECT_THAT(error_of([&] { open({.prompt_name = "document"}); }, Fault::usage),
              HasSubstr("passage, query"));
  EXPECT_THAT(error_of([&] { open({.prompt = "x", .prompt_name = "query"}); }, Fault::usage),
              HasSubstr("one of them"));
}

TEST_F(SentenceDirectory, MayLackModules) {
  SentenceEncoder encoder(path(), {});
  EXPECT_FALSE(encoder.says_pooling());
  EXPECT_EQ(embed(encoder, "a"), pool_tokens(Pooling::mean, states({2, 5, 3}), 12));
}

TEST_F(SentenceDirectory, TheModelMayLieInAFolder) {
  fs::create_directories(path() / "0_Transformer");
  for (const char* name : {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"})
    fs::rename(path() / name, path() / "0_Transformer" / name);
  modules_[0]["path"] = "0_Transformer";
  SentenceEncoder encoder = open();
  EXPECT_EQ(embed(encoder, "a"), pool_tokens(Pooling::mean, states({2, 5, 3}), 12));
}

TEST_F(SentenceDirectory, WhatDoesNotFitIsRefused) {
  pooling_["word_embedding_dimension"] = 13;
  EXPECT_THAT(error_of([&] { open(); }), HasSubstr("width 13"));
  pooling_["word_embedding_dimension"] = 12;
  add_dense(11, 4, "torch.nn.modules.linear.Identity");
  EXPECT_THAT(error_of([&] { open(); }), HasSubstr("in_features 11"));
  write_json("2_Dense/config.json", Json{{"in_features", 12}, {"out_features", 4}});
  EXPECT_THAT(error_of([&] { open(); }), HasSubstr("[4, 12]"));
  fs::remove(path() / "1_Pooling/config.json");
  EXPECT_THAT(error_of([&] { read_sentence_spec(path()); }),
              HasSubstr("1_Pooling/config.json: no such file"));
}

TEST_F(SentenceDirectory, WeightsThatAreNoNumbersAreAnError) {
  model_->floats("model.embed_norm.bias")[3] = NAN;
  model_->open();
  fs::copy(files_->path() / "model.safetensors", path() / "model.safetensors",
           fs::copy_options::overwrite_existing);
  SentenceEncoder encoder = open();
  EXPECT_THAT(error_of([&] { embed(encoder, "a"); }), HasSubstr("not a number"));
}

// A language model, whose last token has seen the text.
TEST(SentenceEncoder, OfALanguageModelPoolsItsLastToken) {
  ModelSpec spec{.vocabulary = 16, .width = 12, .context = 32, .tied_embeddings = true};
  spec.blocks.push_back({AttentionSpec{.heads = 2, .kv_heads = 1, .head_dim = 6}, DenseFfnSpec{.width = 9}});
  const test::NumericModel model(spec, 4);
  const auto files = model.open();
  write_file(files->path() / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\n");
  EXPECT_THAT(error_of([&] { SentenceEncoder(files->path(), {}); }, Fault::usage),
              HasSubstr("--pooling last"));
  write_file(files->path() / "modules.json",
             to_text(Json::array({module("Transformer", ""), module("Pooling", "1")})));
  fs::create_directories(files->path() / "1");
  write_file(files->path() / "1/config.json", R"({"pooling_mode": "lasttoken", "embedding_dimension": 12})");
  SentenceEncoder encoder(files->path(), {});
  Decoder decoder(files);
  const std::vector<int32_t> ids = {2, 5, 6, 3};
  const Decoder::Input input{.tokens = ids};
  const auto states = decoder.hidden_states({&input, 1});
  const std::vector<std::string> texts = {"a b"};
  EXPECT_EQ(encoder.encode(texts), std::vector<float>(states.end() - 12, states.end()));
}

struct CorruptCase {
  const char *name, *json, *message;
};

class CorruptModules : public testing::TestWithParam<CorruptCase> {};
TEST_P(CorruptModules, AreRefused) {
  EXPECT_THAT(error_of([] { parse_sentence_modules(parse_json(GetParam().json, "m"), "m"); }),
              HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    All, CorruptModules,
    testing::Values(
        CorruptCase{"NoList", R"({"type": "x"})", "a list of modules"},
        CorruptCase{"Empty", "[]", "a list of modules"}, CorruptCase{"NoObject", "[3]", "m[0]"},
        CorruptCase{"UnknownKind", R"([{"type": "sentence_transformers.models.CNN"}])",
                    "Transformer, Pooling, Dense or Normalize"},
        CorruptCase{"ForeignCode", R"([{"type": "custom_st.Transformer"}])", "custom_st.Transformer"},
        CorruptCase{"UnknownKey", R"([{"type": "sentence_transformers.models.Transformer", "pth": ""}])",
                    "pth"},
        CorruptCase{"KeywordArguments",
                    R"([{"type": "sentence_transformers.models.Transformer", "kwargs": ["task"]}])",
                    "kwargs"},
        CorruptCase{"Outside", R"([{"type": "sentence_transformers.models.Transformer", "path": "../x"}])",
                    "a folder inside"},
        CorruptCase{"Absolute", R"([{"type": "sentence_transformers.models.Transformer", "path": "/x"}])",
                    "a folder inside"},
        CorruptCase{"NoPooling", R"([{"type": "sentence_transformers.models.Transformer"}])",
                    "m[1]: nothing"},
        CorruptCase{"WrongOrder", R"([{"type": "sentence_transformers.models.Pooling"}])", "m[0]: Pooling"},
        CorruptCase{
            "TwoPoolings",
            R"([{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Pooling"},
                        {"type": "sentence_transformers.models.Pooling"}])",
            "m[2]: Pooling"}),
    [](const auto& test) { return std::string(test.param.name); });

class CorruptPooling : public testing::TestWithParam<CorruptCase> {};
TEST_P(CorruptPooling, IsRefused) {
  SentenceSpec spec;
  EXPECT_THAT(error_of([&] { parse_pooling(parse_json(GetParam().json, "p"), spec, "p"); }),
              HasSubstr(GetParam().message));
}
INSTANTIATE_TEST_SUITE_P(
    All, CorruptPooling,
    testing::Values(CorruptCase{"NoObject", "[]", "an object"},
                    CorruptCase{"None", "{}", "no kind of pooling"},
                    CorruptCase{"UnknownKey", R"({"pooling_mode_medn": true})", "pooling_mode_medn"},
                    CorruptCase{"WrongType", R"({"pooling_mode_cls_token": 1})", "pooling_mode_cls_token"},
                    CorruptCase{"UnknownWord", R"({"pooling_mode": "median"})", "'median'"},
                    CorruptCase{"NoWidth", R"({"word_embedding_dimension": 0})", "1 to 2^24"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(SentenceFiles, OtherCorruptOnesAreRefused) {
  SentenceSpec spec;
  const auto settings = [&](const Json& json) { parse_transformer_settings(json, spec, "s"); };
  EXPECT_THAT(error_of([&] { settings(Json::array()); }), HasSubstr("an object"));
  EXPECT_THAT(error_of([&] { settings({{"max_seq_len", 5}}); }), HasSubstr("max_seq_len"));
  EXPECT_THAT(error_of([&] { settings({{"max_seq_length", -1}}); }), HasSubstr("1 to 2^24"));
  EXPECT_THAT(error_of([&] { settings({{"tokenizer_args", {{"x", 1}}}}); }), HasSubstr("tokenizer_args"));
  EXPECT_THAT(error_of([&] {
                settings({{"transformer_task", "fill-mask"}});
              }),
              HasSubstr("feature-extraction"));
  EXPECT_THAT(error_of([&] { parse_dense({{"in_features", 3}}, "d"); }), HasSubstr("d.out_features"));
  EXPECT_THAT(
      error_of([&] {
        parse_dense({{"in_features", 3}, {"out_features", 2}, {"activation_function", "torch.nn.Sin"}}, "d");
      }),
      HasSubstr("torch.nn.Sin"));
  EXPECT_THAT(error_of([&] {
                parse_prompts({{"prompts", {{"a", 3}}}}, spec, "c");
              }),
              HasSubstr("c.prompts.a"));
  EXPECT_THAT(error_of([&] { parse_prompts({{"default_prompt_name", "b"}}, spec, "c"); }), HasSubstr("'b'"));
}

}  // namespace
}  // namespace coppice
