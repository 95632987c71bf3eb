// Every family against an independent forward pass in double precision (tests/reference/), on files as the
// family's publishers lay them out; and against itself by cache and batch.

#include "model/arch/families.h"

#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/decoder.h"
#include "model/formula_weights.h"
#include "model/kv_cache.h"
#include "model/numeric_model.h"
#include "model/small_bert.h"
#include "support.h"

namespace coppice {
namespace {

using test::TemporaryFolder;
using test::weights_of;

class FamilyReference : public testing::TestWithParam<const char*> {
 protected:
  FamilyReference()
      : expected_(read_json_file(fmt::format("{}/tests/data/families/{}.json", COPPICE_SOURCE, GetParam()))),
        tokens_(expected_["tokens"].get<std::vector<int32_t>>()),
        texts_(expected_.value("texts", std::vector<int32_t>())) {
    for (const auto& row : expected_["logits"])
      for (const double logit : row) logits_.push_back(logit);
    std::vector<std::vector<float>> values;
    std::vector<TensorData> tensors;
    values.reserve(expected_["tensors"].size());
    for (const auto& [name, shape] : expected_["tensors"].items()) {
      const auto sizes = shape.get<std::vector<int64_t>>();
      values.push_back(weights_of(name, sizes));
      tensors.push_back({name, DType::f32, sizes, std::as_bytes(std::span(values.back()))});
    }
    write_tensor_folder(folder_.path(), tensors);
    write_file(folder_ / "config.json", to_text(expected_["config"]));
  }

  std::vector<float> run(Decoder& decoder) const {
    const Decoder::Input input{.tokens = tokens_, .all_logits = true, .texts = texts_};
    return decoder.forward({&input, 1});
  }

  TemporaryFolder folder_;
  Json expected_;
  std::vector<int32_t> tokens_, texts_;
  std::vector<double> logits_;
};

TEST_P(FamilyReference, LogitsAreThoseOfTheReference) {
  Decoder decoder(std::make_shared<ModelDirectory>(folder_.path()), WeightType::f32);
  EXPECT_EQ(decoder.spec().family, expected_["config"]["model_type"]);
  const double difference = test::relative_difference(run(decoder), logits_);
  EXPECT_LT(difference, 1e-5);
  RecordProperty("relative_difference", fmt::format("{:.1e}", difference));
}

TEST_P(FamilyReference, ReferenceTellsTokensApart) {
  double spread = 0;
  for (size_t i = 1; i < logits_.size(); ++i)
    spread = std::max(spread, std::abs(logits_[i] - logits_[i - 1]));
  EXPECT_GT(spread, 0.5) << "logits that do not differ prove nothing";
}

// Of encoders, which also have parts that logits do not show.
TEST_P(FamilyReference, HiddenStatesAreThoseOfTheReference) {
  if (!expected_.contains("hidden_states")) GTEST_SKIP() << "the reference of a language model is its logits";
  Decoder decoder(std::make_shared<ModelDirectory>(folder_.path()), WeightType::f32);
  const Decoder::Input input{.tokens = tokens_};
  const auto states = decoder.hidden_states({&input, 1});
  std::vector<double> expected;
  for (const auto& row : expected_["hidden_states"])
    for (const double value : row) expected.push_back(value);
  const double difference = test::relative_difference(states, expected);
  EXPECT_LT(difference, 1e-5);
  RecordProperty("relative_difference", fmt::format("{:.1e}", difference));
  EXPECT_EQ(decoder.spec().pooler, expected_.contains("pooled"));
  if (!decoder.spec().pooler) return;
  const auto first = std::span(states).first(static_cast<size_t>(decoder.spec().width));
  EXPECT_LT(test::relative_difference(decoder.pool(first), expected_["pooled"].get<std::vector<double>>()),
            1e-5);
}

TEST_P(FamilyReference, CacheAndBatchChangeNoBit) {
  Decoder decoder(std::make_shared<ModelDirectory>(folder_.path()));
  const auto whole = run(decoder);
  const std::vector<int32_t> other = {1, 2, 3};
  const Decoder::Input inputs[] = {{.tokens = other},
                                   {.tokens = tokens_, .all_logits = true, .texts = texts_}};
  const auto together = decoder.forward(inputs);
  EXPECT_EQ(std::vector<float>(together.end() - static_cast<std::ptrdiff_t>(whole.size()), together.end()),
            whole);
  if (!is_causal(decoder.spec())) return;  // no cache for it
  const auto cache = decoder.new_cache();
  std::vector<float> pieces;
  for (size_t begin = 0, step = 1; begin < tokens_.size(); begin += step, step = step % 3 + 1) {
    step = std::min(step, tokens_.size() - begin);
    const Decoder::Input input{
        .tokens = std::span(tokens_).subspan(begin, step), .cache = cache.get(), .all_logits = true};
    const auto logits = decoder.forward({&input, 1});
    pieces.insert(pieces.end(), logits.begin(), logits.end());
  }
  EXPECT_EQ(pieces, whole);
}

TEST_P(FamilyReference, IsWrittenAgainAsItself) {
  const ModelDirectory first(folder_.path());
  const TemporaryFolder copy;
  write_model(copy.path(), first);
  EXPECT_EQ(read_json_file(copy / "config.json")["model_type"], expected_["config"]["model_type"]);
  const ModelDirectory second(copy.path());
  EXPECT_EQ(second.spec(), first.spec());
  for (const auto& tensor : tensor_table(first.spec()))
    EXPECT_TRUE(std::ranges::equal(second.tensor(tensor.name).bytes, first.tensor(tensor.name).bytes))
        << tensor.name;
  // The files hold what they held, under the same names but for a prefix.
  const auto names = TensorFolder(copy.path()).names();
  EXPECT_EQ(names.size(), expected_["tensors"].size());
  for (const auto& [name, shape] : expected_["tensors"].items())
    EXPECT_EQ(std::ranges::count_if(names,
                                    [&wanted = name](const std::string& other) {
                                      return other == wanted || other.ends_with("." + wanted);
                                    }),
              1)
        << name;
}

TEST_P(FamilyReference, UnknownKeysAreRefused) {
  Json config = expected_["config"];
  config["attention_flavour"] = "new";
  EXPECT_THAT(test::error_of([&] { spec_from_config(config, "config.json"); }),
              testing::HasSubstr("attention_flavour"));
}

INSTANTIATE_TEST_SUITE_P(All, FamilyReference,
                         testing::Values("mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "olmoe",
                                         "olmo2", "phi", "gpt2", "opt", "lfm2", "lfm2_moe", "bert", "roberta",
                                         "xlm-roberta", "deepseek", "deepseek_v2", "deepseek_v3",
                                         "PanguProMoE", "pangu_ultra_moe", "distilbert", "modernbert",
                                         "qwen3_gated_head", "qwen3_gated_element", "phimoe", "grinmoe",
                                         "minicpm", "blockffn", "bert_classifier", "roberta_classifier",
                                         "xlm-roberta_classifier", "distilbert_classifier",
                                         "modernbert_classifier_cls", "modernbert_classifier_mean"),
                         [](const auto& family) {
                           std::string name = family.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// What stands on top of an encoder, real files vary in.
class EncoderFiles : public testing::Test {
 protected:
  EncoderFiles() {
    spec_ = test::small_bert_spec(20, 10, 1);
    spec_.head = HeadKind::masked;
    spec_.tied_embeddings = spec_.head_bias = true;
    test::NumericModel model(spec_, 5);
    files_ = model.open();
    for (const auto& tensor : TensorFolder(files_->path()).names()) {
      const TensorView view = *folder().find(tensor);
      bytes_[tensor] = {view.bytes.begin(), view.bytes.end()};
      shapes_[tensor] = view.shape;
    }
    config_ = files_->config();
  }
  const TensorFolder& folder() {
    if (!opened_) opened_.emplace(files_->path());
    return *opened_;
  }

  void rename(const std::string& from, const std::string& to) {
    std::map<std::string, std::vector<std::byte>> renamed;
    for (auto& [name, bytes] : bytes_) {
      std::string changed = name;
      if (const size_t at = changed.find(from); at != changed.npos) changed.replace(at, from.size(), to);
      shapes_[changed] = shapes_[name];
      renamed[changed] = bytes;
    }
    bytes_ = renamed;
  }
  void remove(const std::string& part) {
    std::erase_if(bytes_, [&](const auto& entry) { return entry.first.find(part) != std::string::npos; });
  }
  void add(const std::string& name, std::vector<int64_t> shape, float value = 0) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    const std::vector<float> values(static_cast<size_t>(count), value);
    const auto bytes = std::as_bytes(std::span(values));
    bytes_[name] = {bytes.begin(), bytes.end()};
    shapes_[name] = std::move(shape);
  }
  std::shared_ptr<const ModelDirectory> open() {
    std::vector<TensorData> tensors;
    for (const auto& [name, bytes] : bytes_) tensors.push_back({name, DType::f32, shapes_[name], bytes});
    write_tensor_folder(copy_.path(), tensors);
    write_file(copy_ / "config.json", to_text(config_));
    return std::make_shared<ModelDirectory>(copy_.path());
  }
  std::vector<float> states(std::shared_ptr<const ModelFiles> files) const {
    Decoder decoder(std::move(files));
    const std::vector<int32_t> tokens = {3, 1, 4, 1, 5};
    const Decoder::Input input{.tokens = tokens};
    return decoder.hidden_states({&input, 1});
  }

  ModelSpec spec_;
  std::shared_ptr<const ModelDirectory> files_;
  std::optional<TensorFolder> opened_;
  std::map<std::string, std::vector<std::byte>> bytes_;
  std::map<std::string, std::vector<int64_t>> shapes_;
  Json config_;
  TemporaryFolder copy_;
};

TEST_F(EncoderFiles, WithAllPartsAreReadAsWritten) {
  EXPECT_EQ(files_->spec(), spec_);
  EXPECT_EQ(config_["architectures"], (Json::array({"BertForMaskedLM", "BertModel"})));
  EXPECT_EQ(open()->spec(), spec_);
}

// The vectors of the two texts of a pair, which by default is one.
TEST_F(EncoderFiles, TokensOfASecondTextHaveItsVector) {
  Decoder decoder(files_);
  const std::vector<int32_t> tokens = {3, 1, 4, 1, 5}, first = {0, 0, 0, 0, 0}, pair = {0, 0, 0, 1, 1};
  const auto run = [&](std::span<const int32_t> texts) {
    std::vector<float> embedding;
    const Decoder::Input input{.tokens = tokens, .texts = texts};
    decoder.hidden_states({&input, 1},
                          [&](const std::string& name, int64_t rows, int64_t columns, const float* x) {
                            if (name == "embedding") embedding.assign(x, x + rows * columns);
                          });
    return embedding;
  };
  EXPECT_EQ(run({}), run(first));
  const auto one = run(first), two = run(pair);
  EXPECT_TRUE(std::equal(one.begin(), one.begin() + 3 * spec_.width, two.begin()));
  EXPECT_FALSE(std::equal(one.begin() + 3 * spec_.width, one.end(), two.begin() + 3 * spec_.width));
  // With the vectors of both exchanged in the files, the numbers of the texts are too.
  auto& types = bytes_.at("bert.embeddings.token_type_embeddings.weight");
  std::rotate(types.begin(), types.begin() + static_cast<std::ptrdiff_t>(types.size() / 2), types.end());
  Decoder other(open());
  const std::vector<int32_t> back = {1, 1, 1, 0, 0};
  const Decoder::Input there{.tokens = tokens, .texts = back}, here{.tokens = tokens, .texts = pair};
  EXPECT_EQ(other.hidden_states({&there, 1}), decoder.hidden_states({&here, 1}));
  const std::vector<int32_t> third = {0, 0, 0, 0, 2};
  EXPECT_THAT(test::error_of([&] { run(third); }), testing::HasSubstr("a token of text 2, expected 0 to 1"));
}

TEST_F(EncoderFiles, MayLackHeadPoolerAndPrefix) {
  remove("cls.");
  remove("pooler");
  rename("bert.", "");
  const auto bare = open();
  EXPECT_EQ(bare->spec().head, HeadKind::none);
  EXPECT_FALSE(bare->spec().pooler);
  EXPECT_EQ(states(bare), states(files_));
  Decoder decoder(bare);
  const std::vector<int32_t> tokens = {1};
  const Decoder::Input input{.tokens = tokens};
  EXPECT_THAT(test::error_of([&] {
                decoder.forward({&input, 1});
              }),
              testing::HasSubstr("without an output head"));
}

TEST_F(EncoderFiles, MayUseEarlyNames) {
  rename(".LayerNorm.weight", ".LayerNorm.gamma");
  rename(".LayerNorm.bias", ".LayerNorm.beta");
  EXPECT_EQ(states(open()), states(files_));
}

TEST_F(EncoderFiles, WhatIsPassedOverIsListed) {
  add("cls.seq_relationship.weight", {2, 12});
  add("cls.seq_relationship.bias", {2});
  bytes_["cls.predictions.decoder.weight"] = bytes_.at("bert.embeddings.word_embeddings.weight");
  shapes_["cls.predictions.decoder.weight"] = {20, 12};
  add("cls.predictions.decoder.bias", {20});
  add("bert.embeddings.position_ids", {1, 10});
  const auto files = open();
  EXPECT_EQ(files->spec(), spec_);
  EXPECT_THAT(files->passed_over(),
              testing::UnorderedElementsAre("cls.seq_relationship.weight", "cls.seq_relationship.bias",
                                            "cls.predictions.decoder.weight", "cls.predictions.decoder.bias",
                                            "bert.embeddings.position_ids"));
}

TEST_F(EncoderFiles, AHeadsBiasMayLieUnderItsOtherName) {
  rename("cls.predictions.bias", "cls.predictions.decoder.bias");
  EXPECT_EQ(open()->spec(), spec_);
}

TEST_F(EncoderFiles, WhatIsNotUnderstoodIsRefused) {
  add("classifier.weight", {3, 12});
  EXPECT_THAT(test::error_of([&] { open(); }),
              testing::HasSubstr("BertForMaskedLM with the tensors of a classifier, expected "
                                 "BertForSequenceClassification"));
  config_["architectures"] = Json::array();
  EXPECT_THAT(test::error_of([&] { open(); }), testing::HasSubstr("no tensor 'classifier.bias'"));
  remove("classifier");
  config_ = files_->config();
  remove("transform.LayerNorm");
  EXPECT_THAT(test::error_of([&] { open(); }),
              testing::HasSubstr("no tensor 'cls.predictions.transform.LayerNorm"));
  for (const auto& [key, value] : {std::pair<const char*, Json>{"position_embedding_type", "relative_key"},
                                   {"is_decoder", true},
                                   {"max_position_embeddings", 0},
                                   {"num_attention_heads", 5}}) {
    Json config = config_;
    config[key] = value;
    EXPECT_THAT(test::error_of([&] { spec_from_config(config, "config.json"); }), testing::HasSubstr(key));
  }
}

TEST_F(EncoderFiles, RobertaNeedsPlacesBehindThatOfPadding) {
  Json config = config_;
  config["model_type"] = "roberta";
  for (const int64_t padding : {9, -2, 70000}) {
    config["pad_token_id"] = padding;
    EXPECT_THROW(spec_from_config(config, "config.json"), Error) << padding;
  }
  config["pad_token_id"] = 1;
  EXPECT_EQ(spec_from_config(config, "config.json").context, 8);
}

TEST(ModernBert, RefusesLayersThatDoNotFitTogether) {
  const Json good =
      read_json_file(fmt::format("{}/tests/data/families/modernbert.json", COPPICE_SOURCE))["config"];
  const ModelSpec spec = spec_from_config(good, "config.json");
  Json later = good;  // as Transformers 5 writes it
  later.erase("global_rope_theta");
  later.erase("local_rope_theta");
  later["layer_types"] = {"full_attention", "sliding_attention", "sliding_attention", "full_attention"};
  later["rope_parameters"] = {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 160000.0}}},
                              {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 10000.0}}}};
  EXPECT_EQ(spec_from_config(later, "config.json"), spec);
  const auto refused = [](Json config, const char* key, const Json& value) {
    config[key] = value;
    EXPECT_THAT(test::error_of([&] { spec_from_config(config, "config.json"); }), testing::HasSubstr(key));
  };
  refused(later, "layer_types", {"full_attention", "full_attention", "sliding_attention", "full_attention"});
  refused(later, "layer_types", {"full_attention"});
  refused(later, "rope_parameters", {{"full_attention", {{"rope_theta", 1.0}}}});
  refused(later, "rope_parameters",
          {{"full_attention", {{"rope_type", "yarn"}}}, {"sliding_attention", Json::object()}});
  refused(good, "global_attn_every_n_layers", 0);
  refused(good, "local_attention", -1);
}

}  // namespace
}  // namespace coppice
