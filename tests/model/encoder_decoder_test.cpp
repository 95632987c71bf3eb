// T5 and its kin against an independent forward pass in double precision (tests/reference/t5.py), and against
// themselves by cache and batch; relative distances against plain loops.

#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/parallel.h"
#include "model/arch/families.h"
#include "model/cross_attention.h"
#include "model/decoder.h"
#include "model/formula_weights.h"
#include "model/generate.h"
#include "model/kv_cache.h"
#include "model/numeric_model.h"
#include "model/relative_bias.h"
#include "model/score.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

using Ids = std::vector<int32_t>;

class EncoderDecoder : public testing::TestWithParam<const char*> {
 protected:
  EncoderDecoder()
      : expected_(read_json_file(fmt::format("{}/tests/data/families/{}.json", COPPICE_SOURCE, GetParam()))),
        source_(expected_["source"].get<Ids>()),
        tokens_(expected_["tokens"].get<Ids>()) {
    write_files(expected_["tensors"], folder_.path());
  }

  // Files with tensors of these names and shapes.
  void write_files(const Json& shapes, const std::filesystem::path& folder) {
    std::vector<std::vector<float>> values;
    std::vector<TensorData> tensors;
    values.reserve(shapes.size());
    for (const auto& [name, shape] : shapes.items()) {
      const auto sizes = shape.get<std::vector<int64_t>>();
      const bool copy = name.ends_with(".embed_tokens.weight") ||
                        (name == "lm_head.weight" && expected_["config"]["tie_word_embeddings"]);
      values.push_back(test::weights_of(copy ? "shared.weight" : name, sizes));
      tensors.push_back({name, DType::f32, sizes, std::as_bytes(std::span(values.back()))});
    }
    write_tensor_folder(folder, tensors);
    write_file(folder / "config.json", to_text(expected_["config"]));
  }

  Decoder open() const { return Decoder(std::make_shared<ModelDirectory>(folder_.path()), WeightType::f32); }

  static std::shared_ptr<const EncodedSource> encode(Decoder& decoder, const Ids& ids) {
    const std::span<const int32_t> source = ids;
    return decoder.encode({&source, 1}).front();
  }

  std::vector<float> logits(Decoder& decoder, const EncodedSource& source) const {
    const Decoder::Input input{.tokens = tokens_, .all_logits = true, .source = &source};
    return decoder.forward({&input, 1});
  }

  std::vector<double> expected(const char* key) const {
    std::vector<double> values;
    for (const auto& row : expected_[key])
      for (const double value : row) values.push_back(value);
    return values;
  }

  TemporaryFolder folder_;
  Json expected_;
  Ids source_, tokens_;
};

TEST_P(EncoderDecoder, StatesAndLogitsAreThoseOfTheReference) {
  Decoder decoder = open();
  EXPECT_EQ(decoder.spec().family, GetParam());
  const auto source = encode(decoder, source_);
  EXPECT_EQ(source->length(), static_cast<int64_t>(source_.size()));
  const double states = test::relative_difference(source->states(), expected("states"));
  EXPECT_LT(states, 1e-5);
  const double difference = test::relative_difference(logits(decoder, *source), expected("logits"));
  EXPECT_LT(difference, 1e-5);
  RecordProperty("relative_difference", fmt::format("{:.1e}, {:.1e}", states, difference));
}

TEST_P(EncoderDecoder, TheSourceMatters) {
  Decoder decoder = open();
  Ids other = source_;
  std::swap(other[0], other[5]);
  const auto a = logits(decoder, *encode(decoder, source_)), b = logits(decoder, *encode(decoder, other));
  double spread = 0;
  for (size_t i = 0; i < a.size(); ++i) spread = std::max(spread, std::abs(static_cast<double>(a[i]) - b[i]));
  EXPECT_GT(spread, 0.01);
}

// Nothing continues an encoder's sequence: its layers share the keys and values of one.
TEST_P(EncoderDecoder, EncodingTakesTheMemoryOfOneLayer) {
  Decoder decoder = open();
  const auto want = encode(decoder, source_)->states();
  ModelSpec layer = decoder.spec();
  layer.blocks.assign(1, layer.encoder->blocks.front());
  KvCache one(layer);
  one.reserve(std::ssize(source_));
  const auto pool = std::make_shared<PagePool>(one.bytes());
  decoder.set_kv_options({.pool = pool});
  EXPECT_GT(std::ssize(decoder.spec().encoder->blocks), 1);
  EXPECT_TRUE(std::ranges::equal(encode(decoder, source_)->states(), want));
  EXPECT_EQ(pool->lent(), 0);
}

TEST_P(EncoderDecoder, CacheChangesNoBit) {
  Decoder decoder = open();
  const auto source = encode(decoder, source_);
  const auto cache = decoder.new_cache();
  std::vector<float> pieces;
  for (size_t begin = 0, step = 1; begin < tokens_.size(); begin += step, step = step % 3 + 1) {
    step = std::min(step, tokens_.size() - begin);
    const Decoder::Input input{.tokens = std::span(tokens_).subspan(begin, step),
                               .cache = cache.get(),
                               .all_logits = true,
                               .source = source.get()};
    const auto logits = decoder.forward({&input, 1});
    pieces.insert(pieces.end(), logits.begin(), logits.end());
  }
  EXPECT_EQ(pieces, logits(decoder, *source));
}

TEST_P(EncoderDecoder, ABatchOfUnequalLengthsIsEachSequenceAlone) {
  Decoder decoder = open();
  const std::vector<Ids> sources = {{5, 1}, source_, {9, 9, 9, 2, 30, 1}};
  const std::vector<Ids> targets = {tokens_, {0}, {0, 4, 4, 17}};
  const std::vector<std::span<const int32_t>> spans(sources.begin(), sources.end());
  const int threads = thread_count();
  std::vector<float> first;
  for (const int count : {1, 3}) {
    set_threads(count);
    const auto encoded = decoder.encode(spans);
    std::vector<Decoder::Input> inputs;
    std::vector<float> alone;
    for (size_t i = 0; i < sources.size(); ++i) {
      const auto single = encode(decoder, sources[i]);
      EXPECT_EQ(single->states(), encoded[i]->states());
      inputs.push_back({.tokens = targets[i], .all_logits = i != 1, .source = single.get()});
      const auto logits = decoder.forward({&inputs.back(), 1});
      alone.insert(alone.end(), logits.begin(), logits.end());
      inputs.back().source = encoded[i].get();
    }
    EXPECT_EQ(decoder.forward(inputs), alone);
    if (first.empty()) first = alone;
    EXPECT_EQ(first, alone) << count << " threads";
  }
  set_threads(threads);
}

TEST_P(EncoderDecoder, IsWrittenAgainAsItself) {
  const ModelDirectory first(folder_.path());
  const TemporaryFolder copy;
  write_model(copy.path(), first);
  EXPECT_EQ(read_json_file(copy / "config.json")["model_type"], GetParam());
  const ModelDirectory second(copy.path());
  EXPECT_EQ(second.spec(), first.spec());
  std::vector<std::string> names;
  for (const auto& [name, shape] : expected_["tensors"].items()) names.push_back(name);
  EXPECT_THAT(TensorFolder(copy.path()).names(), testing::UnorderedElementsAreArray(names));
  for (const auto& tensor : tensor_table(first.spec()))
    EXPECT_TRUE(std::ranges::equal(second.tensor(tensor.name).bytes, first.tensor(tensor.name).bytes))
        << tensor.name;
}

TEST_P(EncoderDecoder, CopiesOfTheEmbeddingMayStandBesideItOrInstead) {
  Decoder decoder = open();
  const auto want = logits(decoder, *encode(decoder, source_));
  const Json shape = expected_["tensors"]["shared.weight"];
  for (const bool beside : {true, false}) {
    Json shapes = expected_["tensors"];
    if (!beside) shapes.erase("shared.weight");
    shapes["encoder.embed_tokens.weight"] = shapes["decoder.embed_tokens.weight"] = shape;
    if (expected_["config"]["tie_word_embeddings"]) shapes["lm_head.weight"] = shape;
    shapes["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = {8, 3};
    write_files(shapes, folder_.path());
    Decoder other = open();
    EXPECT_EQ(logits(other, *encode(other, source_)), want);
  }
}

// A directory of the encoder alone is a model of its own, with the same states.
TEST_P(EncoderDecoder, TheEncoderMayStandAlone) {
  Json shapes = Json::object();
  for (const auto& [name, shape] : expected_["tensors"].items())
    if (name == "shared.weight" || name.starts_with("encoder.")) shapes[name] = shape;
  std::string architecture = GetParam();
  std::transform(architecture.begin(), architecture.end(), architecture.begin(), ::toupper);
  expected_["config"]["architectures"] = {architecture + "EncoderModel"};
  const TemporaryFolder folder;
  write_files(shapes, folder.path());
  const auto model = std::make_shared<ModelDirectory>(folder.path());
  EXPECT_EQ(writable_family(model->spec()), GetParam());
  Decoder decoder(model, WeightType::f32);
  EXPECT_FALSE(is_causal(decoder.spec()));
  const Decoder::Input input{.tokens = source_};
  EXPECT_LT(test::relative_difference(decoder.hidden_states({&input, 1}), expected("states")), 1e-5);
  EXPECT_THROW(decoder.forward({&input, 1}), Error);
  EXPECT_THROW(encode(decoder, source_), Error);
}

TEST_P(EncoderDecoder, AnswersAPromptTokenByToken) {
  Decoder decoder = open();
  Ids greedy = {0};
  const auto source = encode(decoder, source_);
  while (greedy.size() < 7) {
    const Decoder::Input input{.tokens = greedy, .source = source.get()};
    const auto logits = decoder.forward({&input, 1});
    greedy.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  GenerateOptions options{.tokens = 6, .stop_at_eos = false};
  options.sampler.temp = 0;
  const Generation answer = generate(decoder, source_, options);
  EXPECT_EQ(answer.ids, Ids(greedy.begin() + 1, greedy.end()));
  EXPECT_THROW(generate(decoder, {}, options), Error);
}

TEST_P(EncoderDecoder, FaultsAreErrors) {
  Decoder decoder = open();
  const Decoder::Input alone{.tokens = tokens_};
  EXPECT_THAT(error_of([&] { decoder.forward({&alone, 1}); }), HasSubstr("encoder-decoder"));
  EXPECT_THAT(error_of([&] { window_scorer(decoder); }), HasSubstr("encoder-decoder"));
  EXPECT_THROW(encode(decoder, {}), Error);
  EXPECT_THROW(encode(decoder, {31}), Error);
  EXPECT_THROW(encode(decoder, Ids(2000, 1)), Error);
}

TEST_P(EncoderDecoder, UnknownKeysAreRefused) {
  Json config = expected_["config"];
  config["attention_flavour"] = "new";
  EXPECT_THAT(error_of([&] { spec_from_config(config, "config.json"); }), HasSubstr("attention_flavour"));
}

TEST_P(EncoderDecoder, TraceNamesBothStacks) {
  Decoder decoder = open();
  Trace trace;
  const std::span<const int32_t> span = source_;
  const auto source = decoder.encode({&span, 1}, collect_into(trace)).front();
  const Decoder::Input input{.tokens = tokens_, .all_logits = true, .source = source.get()};
  decoder.forward({&input, 1}, collect_into(trace));
  EXPECT_EQ(trace.at("encoder.norm").values, source->states());
  for (const char* name : {"encoder.embedding", "encoder.layers.1.mixer", "encoder.layers.1.output",
                           "layers.2.cross_norm", "layers.2.cross", "layers.2.output", "logits"})
    EXPECT_TRUE(trace.contains(name)) << name;
  EXPECT_FALSE(trace.contains("encoder.layers.0.cross"));
}

INSTANTIATE_TEST_SUITE_P(All, EncoderDecoder, testing::Values("t5", "mt5", "umt5"),
                         [](const auto& family) { return std::string(family.param); });

Json t5_config() {
  return Json::parse(
      R"({"architectures":["T5ForConditionalGeneration"],"model_type":"t5","vocab_size":32128,"d_model":512,
    "d_kv":64,"d_ff":2048,"num_layers":6,"num_heads":8,"relative_attention_num_buckets":32,"dropout_rate":0.1,
    "layer_norm_epsilon":1e-06,"initializer_factor":1.0,"is_encoder_decoder":true,"n_positions":512,
    "pad_token_id":0,"eos_token_id":1,"decoder_start_token_id":0,"output_past":true,
    "task_specific_params":{"summarization":{"num_beams":4}}})");
}

ModelSpec read(const Json& config) {
  return spec_from_config(config, "config.json");
}

Json with(Json config, const Json& changes) {
  config.update(changes);
  return config;
}

TEST(T5Config, DefaultsAreThoseOfTransformers) {
  const ModelSpec spec = read(t5_config());
  ASSERT_TRUE(spec.encoder);
  EXPECT_EQ(spec.encoder->blocks.size(), 6u);
  EXPECT_EQ(spec.blocks.size(), 6u);
  EXPECT_TRUE(spec.tied_embeddings);
  EXPECT_DOUBLE_EQ(spec.logit_scale, std::pow(512.0, -0.5));
  EXPECT_EQ(spec.decoder_start_id, 0);
  EXPECT_EQ(spec.eos_ids, (std::vector<int64_t>{1}));
  const auto& attention = std::get<AttentionSpec>(spec.blocks.back().mixer);
  EXPECT_TRUE(attention.causal);
  EXPECT_EQ(attention.scale, 1);
  EXPECT_EQ(attention.relative_bias, (RelativeBiasSpec{.buckets = 32, .max_distance = 128, .shared = true}));
  EXPECT_FALSE(std::get<AttentionSpec>(spec.encoder->blocks.front().mixer).causal);
  const auto& ffn = std::get<DenseFfnSpec>(spec.blocks.front().ffn);
  EXPECT_EQ(ffn, (DenseFfnSpec{.width = 2048, .gated = false, .activation = Activation::relu}));
  // The published count: 60,506,624.
  EXPECT_EQ(count_parameters(spec).total, 60506624);
}

TEST(T5Config, HeadsOfTheirOwnAreNotScaled) {
  const Json own = with(t5_config(), {{"tie_word_embeddings", false}, {"feed_forward_proj", "gated-gelu"}});
  EXPECT_EQ(read(own).logit_scale, 1);
  EXPECT_EQ(std::get<DenseFfnSpec>(read(own).blocks[0].ffn).activation, Activation::gelu_tanh);
  // As Transformers 5 writes the same model.
  const ModelSpec five = read(with(own, {{"tie_word_embeddings", true}, {"scale_decoder_outputs", false}}));
  EXPECT_EQ(five, read(own));
  EXPECT_EQ(read(with(own, {{"num_decoder_layers", 2}})).blocks.size(), 2u);
}

TEST(T5Config, WhatIsNotUnderstoodIsRefused) {
  const auto refusal = [](const Json& changes) {
    return error_of([&] { read(with(t5_config(), changes)); });
  };
  EXPECT_THAT(refusal({{"feed_forward_proj", "gated-swish9"}}), HasSubstr("feed_forward_proj"));
  EXPECT_THAT(refusal({{"is_gated_act", true}}), HasSubstr("is_gated_act"));
  EXPECT_THAT(refusal({{"num_layers", 0}}), HasSubstr("num_layers"));
  EXPECT_THAT(refusal({{"num_decoder_layers", 100000}}), HasSubstr("num_decoder_layers"));
  EXPECT_THAT(refusal({{"relative_attention_num_buckets", 3}}), HasSubstr("buckets"));
  EXPECT_THAT(refusal({{"relative_attention_max_distance", 8}}), HasSubstr("max_distance"));
  EXPECT_THAT(refusal({{"num_heads", -1}}), HasSubstr("heads"));
}

// The definition by a search: the distances up to each bucket's end, one after the other.
TEST(RelativeBucket, IsThatOfPlainLoopsForAllDistances) {
  for (const bool causal : {true, false})
    for (const auto& [buckets, most] :
         {std::pair<int64_t, int64_t>{32, 128}, {32, 512}, {8, 6}, {16, 20}, {64, 1000}}) {
      const RelativeBiasSpec bias{.buckets = buckets, .max_distance = most};
      const int64_t own = causal ? buckets : buckets / 2, exact = own / 2;
      for (int64_t distance = 0; distance < 3 * most; ++distance) {
        // The last bucket whose begin, exact * (most / exact)^(i / (own - exact)), is not beyond the
        // distance.
        int64_t bucket = std::min(distance, exact);
        for (int64_t i = 1; distance >= exact && i < own - exact; ++i) {
          const double begin = static_cast<double>(exact) *
                               std::pow(static_cast<double>(most) / static_cast<double>(exact),
                                        static_cast<double>(i) / static_cast<double>(own - exact));
          if (static_cast<double>(distance) >= begin * (1 - 1e-6)) bucket = exact + i;
        }
        ASSERT_EQ(relative_bucket(bias, causal, -distance), bucket)
            << causal << ' ' << buckets << ' ' << distance;
        const int64_t ahead = causal ? 0 : distance == 0 ? 0 : own + bucket;
        ASSERT_EQ(relative_bucket(bias, causal, distance), ahead)
            << causal << ' ' << buckets << ' ' << distance;
      }
    }
}

TEST(RelativeBias, LaysOutTheTableByOffset) {
  const RelativeBiasSpec spec{.buckets = 8, .max_distance = 6};
  std::vector<float> table;
  for (int i = 0; i < 16; ++i) table.push_back(static_cast<float>(i));
  RelativeBias bias(spec, false, 2, table);
  for (const int64_t length : {3, 70, 200}) {
    bias.extend(length);
    for (int64_t query = 0; query < length; ++query)
      for (int64_t key = 0; key < length; ++key)
        for (int64_t head = 0; head < 2; ++head)
          ASSERT_EQ(*bias.biases(head, query, key),
                    static_cast<float>(2 * relative_bucket(spec, false, key - query) + head));
  }
}

TEST(EncoderDecoderSpec, ContradictionsAreRefused) {
  const ModelSpec good = read(t5_config());
  const auto complaint = [&](const auto& change) {
    ModelSpec spec = good;
    change(spec);
    return error_of([&] { validate(spec, "spec"); });
  };
  EXPECT_THAT(complaint([](auto& spec) { spec.encoder.reset(); }), HasSubstr("without an encoder"));
  EXPECT_THAT(complaint([](auto& spec) { spec.encoder->blocks.clear(); }), HasSubstr("0 blocks"));
  EXPECT_THAT(complaint([](auto& spec) {
                for (auto& block : spec.blocks) block.cross_attention.reset();
              }),
              HasSubstr("no block's cross-attention"));
  EXPECT_THAT(complaint([](auto& spec) { spec.encoder->blocks[1] = spec.blocks[1]; }),
              HasSubstr("no later tokens"));
  EXPECT_THAT(
      complaint([](auto& spec) { spec.encoder->blocks[1].cross_attention = spec.blocks[1].cross_attention; }),
      HasSubstr("cross-attention in an encoder"));
  EXPECT_THAT(complaint([](auto& spec) { spec.encoder->blocks[1].ffn = MoeSpec{.widths = {4}, .top_k = 2}; }),
              HasSubstr("encoder: block 1: top_k 2"));
  EXPECT_THAT(complaint([](auto& spec) { spec.blocks[1].cross_attention->rope.fraction = 1; }),
              HasSubstr("with positions"));
  EXPECT_THAT(complaint([](auto& spec) { spec.blocks[1].norms = NormPlacement::post; }),
              HasSubstr("norms before"));
  EXPECT_THAT(complaint([](auto& spec) { std::get<AttentionSpec>(spec.blocks[0].mixer).relative_bias = {}; }),
              HasSubstr("shared relative bias"));
}

}  // namespace
}  // namespace coppice
