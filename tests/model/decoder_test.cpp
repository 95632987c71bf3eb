// The decoder against a scalar double-precision reference, and against itself under other batches, caches and
// threads.

#include "model/decoder.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/parallel.h"
#include "format/gguf_types.h"
#include "kernels/isa.h"
#include "model/kv_cache.h"
#include "numeric_model.h"
#include "random_model.h"

namespace coppice {
namespace {

using test::NumericModel;

// Puts the instruction set and the number of threads back when a test ends.
class DecoderTest : public ::testing::Test {
 protected:
  void TearDown() override {
    set_threads(threads_);
    kernels::use_isa(isa_);
  }
  int threads_ = thread_count();
  kernels::Isa isa_ = kernels::active_isa();
};

std::vector<float> all_logits(Decoder& decoder, std::span<const int32_t> tokens) {
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  return decoder.forward({&input, 1});
}

TEST_F(DecoderTest, MatchesTheReferenceOnWhateverASpecCanSay) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    Rng rng(seed);
    const ModelSpec spec = test::random_spec(rng);
    const NumericModel model(spec, seed);
    Decoder decoder(model.open());
    const auto tokens =
        test::random_tokens(spec, test::between(rng, 1, std::min<int64_t>(spec.context, 12)), rng);
    const auto want = model.reference_logits(tokens);
    for (const kernels::Isa isa : kernels::supported_isas()) {
      kernels::use_isa(isa);
      ASSERT_LT(test::relative_difference(all_logits(decoder, tokens), want), 1e-4)
          << "seed " << seed << ", " << to_string(isa) << "\n"
          << to_line(to_json(spec));
    }
  }
}

TEST_F(DecoderTest, MatchesTheReferenceForEveryRouter) {
  uint64_t seed = 0;
  for (const auto& [source, source_name] : EnumNames<RouterSource>::values)
    for (const auto& [score, score_name] : EnumNames<RouterScore>::values)
      for (const auto& [weight, weight_name] : EnumNames<ExpertWeight>::values)
        for (const auto& [storage, storage_name] : EnumNames<ExpertStorage>::values)
          for (const bool bias : {false, true}) {
            MoeSpec moe{.widths = {9, 0, 17, 12, 5},
                        .top_k = 2,
                        .router = {.source = source,
                                   .score = score,
                                   .weight = weight,
                                   .selection_bias = bias,
                                   .scale = 1.5},
                        .storage = storage,
                        .dense_width = storage == ExpertStorage::indexed ? 25 : 0,
                        .shared_width = bias ? 7 : 0};
            if (source == RouterSource::word &&
                (score != RouterScore::none || weight != ExpertWeight::one || bias))
              continue;
            if (source == RouterSource::sparsity) {
              if (storage == ExpertStorage::indexed) continue;
              moe.widths[1] = 6;
              moe.gated = false;
              moe.activation = Activation::relu;
            }
            const AttentionSpec attention{.heads = 2, .kv_heads = 1, .head_dim = 6};
            ModelSpec spec{.vocabulary = 40, .width = 18, .context = 16, .blocks = {{attention, moe}}};
            Rng rng(++seed);
            test::draw_words(spec, rng);
            const NumericModel model(spec, seed);
            const auto tokens = test::random_tokens(model.spec(), 9, rng);
            Decoder decoder(model.open());
            ASSERT_LT(test::relative_difference(all_logits(decoder, tokens), model.reference_logits(tokens)),
                      1e-4)
                << source_name << ' ' << score_name << ' ' << weight_name << ' ' << storage_name << ' '
                << bias;
          }
}

// How far logits move when every weight of a matrix moves by up to 2^-9 of itself, at most of three times: as much as when
// what it is multiplied by is rounded to BF16.
double effect_of_rounding(const ModelSpec& spec, const NumericModel& model, std::span<const int32_t> tokens) {
  const auto want = model.reference_logits(tokens);
  double effect = 0;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    NumericModel moved = model;
    Rng rng(seed);
    for (const auto& tensor : tensor_table(spec))
      if (tensor.shape.size() == 2 && !tensor.integer)
        for (float& weight : moved.floats(tensor.name))
          weight *= static_cast<float>(1 + rng.uniform(-1.0 / 512, 1.0 / 512));
    const auto logits = moved.reference_logits(tokens);
    effect =
        std::max(effect, test::relative_difference(std::vector<float>(logits.begin(), logits.end()), want));
  }
  return effect;
}

TEST_F(DecoderTest, MatchesTheReferenceForEveryStoredType) {
  Rng rng(3);
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
    for (int round = 0; round < 6; ++round) {
      const ModelSpec spec = test::random_spec(rng);
      const NumericModel model(spec, rng.next(), dtype);
      const auto tokens = test::random_tokens(spec, 4, rng);
      const auto want = model.reference_logits(tokens);
      const double shaken = dtype == DType::bf16 ? effect_of_rounding(spec, model, tokens) : 0;
      for (const WeightType type : {WeightType::as_stored, WeightType::f32}) {
        Decoder decoder(model.open(), type);
        for (const kernels::Isa isa : kernels::supported_isas()) {
          kernels::use_isa(isa);
          const bool rounds =
              type == WeightType::as_stored && dtype == DType::bf16 && isa == kernels::Isa::avx512_bf16;
          ASSERT_LT(test::relative_difference(all_logits(decoder, tokens), want), rounds ? 5 * shaken : 1e-4)
              << dtype_name(dtype) << ' ' << to_string(isa);
        }
      }
    }
}

TEST_F(DecoderTest, Bf16WeightsAreThoseOfARoundedModel) {
  Rng rng(5);
  const ModelSpec spec = test::random_llama_spec(rng);
  NumericModel model(spec, 1);
  const auto tokens = test::random_tokens(spec, 4, rng);
  Decoder rounded(model.open(), WeightType::bf16);
  // What is multiplied by is rounded; vectors (norms, biases) and tables that rows are looked up in are not.
  const NumericModel half(spec, 1, DType::bf16);
  NumericModel want(spec, 1);
  for (const auto& tensor : tensor_table(spec))
    if (tensor.shape.size() == 2 && (spec.tied_embeddings || tensor.name.find("embed_") == std::string::npos))
      want.floats(tensor.name) = NumericModel(half).floats(tensor.name);
  for (const kernels::Isa isa : kernels::supported_isas()) {
    kernels::use_isa(isa);
    EXPECT_LT(test::relative_difference(all_logits(rounded, tokens), want.reference_logits(tokens)),
              isa == kernels::Isa::avx512_bf16 ? 0.05 : 1e-4)
        << to_string(isa);
  }
}

// Rows as blocks of `type` hold them; what is missing in the last block is zeros.
std::vector<float> rounded_rows(GgmlType type, const std::vector<float>& values, int64_t columns) {
  const auto padded = static_cast<size_t>((columns + 31) / 32 * 32);
  std::vector<float> rounded;
  for (size_t at = 0; at < values.size(); at += static_cast<size_t>(columns)) {
    std::vector<float> row(padded);
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(at), columns, row.begin());
    const auto blocks = quantize(type, row, "row");
    const auto floats = dequantize(static_cast<uint32_t>(type), blocks, "row");
    rounded.insert(rounded.end(), floats.begin(), floats.begin() + columns);
  }
  return rounded;
}

// The reference has the rounded weights, so that what is left is the rounding of activations to eight bits.
TEST_F(DecoderTest, IntegerWeightsAreThoseOfARoundedModel) {
  const AttentionSpec attention{.heads = 6, .kv_heads = 2, .head_dim = 20};
  const ModelSpec spec{.vocabulary = 130,
                       .width = 72,
                       .context = 20,
                       .blocks = std::vector<BlockSpec>(2, {attention, DenseFfnSpec{.width = 100}})};
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const NumericModel model(spec, seed);
    Rng rng(seed);
    const auto tokens = test::random_tokens(spec, 4, rng);
    for (const auto& [type, block] :
         {std::pair{WeightType::q8_0, GgmlType::q8_0}, std::pair{WeightType::q4_0, GgmlType::q4_0}}) {
      NumericModel want(spec, seed);
      for (const auto& tensor : tensor_table(spec))
        if (tensor.shape.size() == 2 && tensor.name.find("embed_") == std::string::npos)
          want.floats(tensor.name) = rounded_rows(block, want.floats(tensor.name), tensor.shape[1]);
      const auto rounded = want.reference_logits(tokens), exact = model.reference_logits(tokens);
      Decoder decoder(model.open(), type);
      for (const kernels::Isa isa : kernels::supported_isas()) {
        kernels::use_isa(isa);
        const auto got = all_logits(decoder, tokens);
        EXPECT_LT(test::relative_difference(got, rounded), 0.05) << seed << ' ' << to_string(isa);
        EXPECT_GT(test::relative_difference(got, exact), 1e-4) << "weights were not rounded";
      }
    }
  }
}

// Blocks of 256 where rows are whole ones; the others are bytes.
TEST_F(DecoderTest, KTypesAreThoseOfARoundedModel) {
  const AttentionSpec attention{.heads = 4, .kv_heads = 2, .head_dim = 64};
  const ModelSpec spec{.vocabulary = 40,
                       .width = 256,
                       .context = 20,
                       .blocks = std::vector<BlockSpec>(1, {attention, DenseFfnSpec{.width = 288}})};
  const NumericModel model(spec, 3);
  Rng rng(3);
  const auto tokens = test::random_tokens(spec, 4, rng);
  const auto exact = model.reference_logits(tokens);
  for (const auto& [type, block] :
       {std::pair{WeightType::q6_k, GgmlType::q6_k}, std::pair{WeightType::q4_k, GgmlType::q4_k}}) {
    NumericModel want(spec, 3);
    for (const auto& tensor : tensor_table(spec))
      if (tensor.shape.size() == 2 && tensor.name.find("embed_") == std::string::npos)
        want.floats(tensor.name) = rounded_rows(tensor.shape[1] == 256 ? block : GgmlType::q8_0,
                                                want.floats(tensor.name), tensor.shape[1]);
    const auto rounded = want.reference_logits(tokens);
    Decoder decoder(model.open(), type);
    for (const kernels::Isa isa : kernels::supported_isas()) {
      kernels::use_isa(isa);
      const auto got = all_logits(decoder, tokens);
      const double to_rounded = test::relative_difference(got, rounded);
      EXPECT_LT(to_rounded, 0.05) << to_string(isa);
      EXPECT_LT(to_rounded, 0.5 * test::relative_difference(got, exact)) << to_string(isa);
    }
  }
}

TEST_F(DecoderTest, MatchesTheReferenceForLatentAttention) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed);
    ModelSpec spec = test::random_spec(rng);
    spec.context = 64;
    for (auto& block : spec.blocks) block.mixer = test::random_latent(rng);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const NumericModel model(spec, seed, dtype);
      const auto tokens = test::random_tokens(spec, 40, rng);
      // BF16 weights as floats: where activations are rounded too, another expert may win.
      Decoder decoder(model.open(), WeightType::f32);
      ASSERT_LT(test::relative_difference(all_logits(decoder, tokens), model.reference_logits(tokens)), 1e-4)
          << "seed " << seed << "\n"
          << to_line(to_json(spec));
    }
  }
}

// What the cache is for: latent vectors and turned keys, not the keys and values of every head.
TEST_F(DecoderTest, LatentAttentionCachesWhatAllHeadsShare) {
  const LatentAttentionSpec attention{
      .heads = 16, .latent_rank = 12, .plain_dim = 8, .rotary_dim = 4, .value_dim = 8};
  const NumericModel model(
      {.vocabulary = 20, .width = 16, .context = 64, .blocks = {{attention, DenseFfnSpec{.width = 8}}}}, 1);
  Decoder decoder(model.open());
  const auto cache = decoder.new_cache();
  const std::vector<int32_t> tokens(64, 3);
  const Decoder::Input input{.tokens = tokens, .cache = cache.get()};
  decoder.forward({&input, 1});
  EXPECT_EQ(cache->bytes(), 64 * (12 + 4) * 4);
}

// A model wide enough for work to be split over threads and for full vectors.
ModelSpec wide_spec(bool indexed) {
  const AttentionSpec attention{.heads = 6, .kv_heads = 2, .head_dim = 20};
  const LatentAttentionSpec latent{
      .heads = 6, .query_rank = 50, .latent_rank = 45, .plain_dim = 18, .rotary_dim = 10, .value_dim = 21};
  MoeSpec moe{.widths = {70, 33, 0, 101, 64},
              .top_k = 2,
              .router = {.weight = ExpertWeight::score},
              .shared_width = 40};
  if (indexed) {
    moe.storage = ExpertStorage::indexed;
    moe.dense_width = 210;
  }
  return {.vocabulary = 300,
          .width = 150,
          .context = 80,
          .blocks = {{attention, DenseFfnSpec{.width = 333}}, {latent, moe}, {attention, moe}}};
}

TEST_F(DecoderTest, CachedDecodingIsTheFullPassBitForBit) {
  for (const bool indexed : {false, true})
    for (const kernels::Isa isa : kernels::supported_isas()) {
      kernels::use_isa(isa);
      const NumericModel model(wide_spec(indexed), 11);
      Decoder decoder(model.open());
      Rng rng(1);
      const auto tokens = test::random_tokens(model.spec(), 70, rng);
      const auto whole = all_logits(decoder, tokens);
      const auto cache = decoder.new_cache();
      std::vector<float> pieces;
      for (size_t begin = 0, step = 1; begin < tokens.size(); begin += step, step = step % 5 + 1) {
        step = std::min(step, tokens.size() - begin);
        const Decoder::Input input{
            .tokens = std::span(tokens).subspan(begin, step), .cache = cache.get(), .all_logits = true};
        const auto logits = decoder.forward({&input, 1});
        pieces.insert(pieces.end(), logits.begin(), logits.end());
      }
      EXPECT_EQ(cache->length(), 70);
      EXPECT_EQ(pieces, whole) << to_string(isa);
    }
}

TEST_F(DecoderTest, RaggedBatchIsEachSequenceAloneBitForBit) {
  for (const auto& [indexed, type] : {std::pair{false, WeightType::bf16},
                                      {true, WeightType::bf16},
                                      {false, WeightType::q8_0},
                                      {false, WeightType::q4_0},
                                      {false, WeightType::f32}}) {
    const NumericModel model(wide_spec(indexed), 12);
    Decoder decoder(model.open(), type);
    Rng rng(2);
    std::vector<std::vector<int32_t>> sequences;
    for (const int64_t length : {1, 17, 4, 40})
      sequences.push_back(test::random_tokens(model.spec(), length, rng));
    std::vector<Decoder::Input> inputs;
    std::vector<float> alone;
    for (size_t i = 0; i < sequences.size(); ++i) {
      inputs.push_back({.tokens = sequences[i], .all_logits = i % 2 == 1});
      const auto logits = decoder.forward({&inputs.back(), 1});
      alone.insert(alone.end(), logits.begin(), logits.end());
    }
    EXPECT_EQ(decoder.forward(inputs), alone);
  }
}

// Whatever the last block is, rows that nobody asks anything of go no further than its mixer, and are missed by no one.
TEST_F(DecoderTest, LogitsThatAreNotAskedForChangeNoBit) {
  const AttentionSpec plain{.heads = 6, .kv_heads = 2, .head_dim = 20};
  AttentionSpec gated = plain;
  gated.gate = AttentionGate::head;
  gated.qk_norm = QkNorm::head;
  gated.window = 7;
  const LatentAttentionSpec latent{
      .heads = 6, .latent_rank = 45, .plain_dim = 18, .rotary_dim = 10, .value_dim = 21};
  LatentAttentionSpec compressed = latent;
  compressed.query_rank = 50;
  const MoeSpec moe{.widths = {70, 33, 64}, .top_k = 2};
  const std::vector<MixerSpec> mixers = {plain, gated, latent, compressed, ShortConvSpec{}};
  for (size_t i = 0; i < mixers.size(); ++i)
    for (const NormPlacement norms : {NormPlacement::pre, NormPlacement::parallel, NormPlacement::sandwich}) {
      ModelSpec spec = wide_spec(false);
      spec.blocks = {{plain, DenseFfnSpec{.width = 100}}, {mixers[i], moe}};
      for (auto& block : spec.blocks) block.norms = norms;
      const NumericModel model(spec, 14);
      Decoder decoder(model.open());
      Rng rng(4);
      const auto count = static_cast<size_t>(logit_count(spec));
      std::vector<std::vector<int32_t>> sequences;
      std::vector<std::vector<float>> whole;
      std::vector<std::unique_ptr<KvCache>> caches;
      for (const int64_t length : {30, 19, 40}) {
        sequences.push_back(test::random_tokens(spec, length, rng));
        whole.push_back(all_logits(decoder, sequences.back()));
        caches.push_back(decoder.new_cache());
      }
      // Of the second part of each: all, the last ones, and none, but of what follows.
      const size_t middle = 9, end = 18;
      std::vector<Decoder::Input> inputs;
      const auto pass = [&](size_t from, size_t to) {
        inputs.clear();
        for (size_t s = 0; s < 3; ++s)
          inputs.push_back({.tokens = std::span(sequences[s]).subspan(from, to - from),
                            .cache = caches[s].get(),
                            .all_logits = s == 0,
                            .no_logits = s == 2});
        return decoder.forward(inputs);
      };
      pass(0, middle);
      const auto got = pass(middle, end);
      const auto logits_at = [&](size_t s, size_t first, size_t last) {
        return std::vector<float>(whole[s].begin() + static_cast<std::ptrdiff_t>(first * count),
                                  whole[s].begin() + static_cast<std::ptrdiff_t>(last * count));
      };
      auto want = logits_at(0, middle, end);
      const auto last = logits_at(1, end - 1, end);
      want.insert(want.end(), last.begin(), last.end());
      EXPECT_EQ(got, want) << "mixer " << i << ", norms " << to_string(norms);
      const Decoder::Input rest{.tokens = std::span(sequences[2]).subspan(end), .cache = caches[2].get()};
      EXPECT_EQ(decoder.forward({&rest, 1}), logits_at(2, 39, 40)) << "mixer " << i;
      // Alone, nothing may be asked for.
      const Decoder::Input nothing{.tokens = sequences[0], .no_logits = true};
      EXPECT_TRUE(decoder.forward({&nothing, 1}).empty());
    }
}

TEST_F(DecoderTest, ThreadsChangeNoBit) {
  for (const bool indexed : {false, true}) {
    const NumericModel model(wide_spec(indexed), 13);
    Decoder decoder(model.open());
    Rng rng(3);
    const auto tokens = test::random_tokens(model.spec(), 60, rng);
    set_threads(1);
    const auto one = all_logits(decoder, tokens);
    for (const int threads : {2, 3}) {
      set_threads(threads);
      EXPECT_EQ(all_logits(decoder, tokens), one) << threads;
    }
  }
}

TEST_F(DecoderTest, WeightsPackedBetweenPassesChangeNoBit) {
  for (uint64_t seed = 0; seed < 12; ++seed)
    for (const WeightType type : {WeightType::as_stored, WeightType::bf16, WeightType::q8_0}) {
      Rng rng(seed);
      const ModelSpec spec = test::random_spec(rng);
      const NumericModel model(spec, seed);
      Decoder packed(model.open(), type), late(model.open(), type, PackWhen::between_passes);
      EXPECT_EQ(late.bytes_per_token(), packed.bytes_per_token());
      const auto tokens = test::random_tokens(spec, std::min<int64_t>(spec.context, 6), rng);
      const auto want = all_logits(packed, tokens);
      for (int pass = 0; pass < 10; ++pass)  // none is packed in the first, all are in the last
        ASSERT_EQ(all_logits(late, tokens), want) << "seed " << seed << ", pass " << pass;
    }
}

TEST_F(DecoderTest, FaultsAreErrorsBeforeAnyWork) {
  const NumericModel model(wide_spec(false), 14);
  Decoder decoder(model.open());
  const auto cache = decoder.new_cache();
  std::vector<int32_t> tokens(80, 1);
  Decoder::Input input{.tokens = tokens, .cache = cache.get()};
  decoder.forward({&input, 1});
  input.tokens = std::span(tokens).first(1);
  EXPECT_THROW(decoder.forward({&input, 1}), Error);  // the context is full
  EXPECT_EQ(cache->length(), 80);
  for (const int32_t bad : {-1, 300}) {
    const std::vector<int32_t> ids = {1, bad};
    const Decoder::Input wrong{.tokens = ids};
    EXPECT_THROW(decoder.forward({&wrong, 1}), Error);
  }
  EXPECT_THROW(decoder.set_top_k(6), Error);
  EXPECT_THROW(decoder.set_top_k(0), Error);
}

// Sequences longer than what one task takes, with and without a window, alone and in a batch.
TEST_F(DecoderTest, AttentionSeesBothWays) {
  for (const int64_t window : {0, 1, 5, 33, 200})
    for (const bool mixed : {false, true}) {
      ModelSpec spec{.vocabulary = 50, .width = 16, .context = 80};
      AttentionSpec attention{.heads = 4, .kv_heads = 2, .head_dim = 6, .window = window, .causal = false};
      spec.blocks.push_back({attention, DenseFfnSpec{.width = 9}});
      attention.causal = mixed;
      spec.blocks.push_back({attention, DenseFfnSpec{.width = 9}});
      EXPECT_FALSE(is_causal(spec));
      const NumericModel model(spec, 21);
      Decoder decoder(model.open());
      Rng rng(4);
      const auto tokens = test::random_tokens(spec, 70, rng);
      const auto whole = all_logits(decoder, tokens);
      ASSERT_LT(test::relative_difference(whole, model.reference_logits(tokens)), 1e-4) << window;
      const auto other = test::random_tokens(spec, 37, rng);
      const Decoder::Input inputs[] = {{.tokens = other}, {.tokens = tokens, .all_logits = true}};
      const auto together = decoder.forward(inputs);
      EXPECT_EQ(std::vector<float>(together.begin() + spec.vocabulary, together.end()), whole) << window;
    }
}

TEST_F(DecoderTest, AttentionThatSeesBothWaysHasNoCache) {
  ModelSpec spec = wide_spec(false);
  EXPECT_TRUE(is_causal(spec));
  std::get<AttentionSpec>(spec.blocks[2].mixer).causal = false;
  const NumericModel model(spec, 16);
  Decoder decoder(model.open());
  const auto cache = decoder.new_cache();
  const std::vector<int32_t> tokens = {5, 6, 7};
  const Decoder::Input input{.tokens = tokens, .cache = cache.get()};
  EXPECT_NE(test::error_of([&] { decoder.forward({&input, 1}); }).find("sees both ways"), std::string::npos);
}

TEST_F(DecoderTest, TraceNamesEveryActivationAndEndsInTheLogits) {
  const NumericModel model(wide_spec(false), 15);
  Decoder decoder(model.open());
  const std::vector<int32_t> tokens = {5, 6, 7};
  Trace trace;
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  const auto logits = decoder.forward({&input, 1}, collect_into(trace));
  std::vector<std::string> names = {"embedding", "norm", "logits", "layers.1.router.logits",
                                    "layers.2.router.logits"};
  for (const char* layer : {"0", "1", "2"})
    for (const char* part : {"mixer_norm", "mixer", "ffn_norm", "ffn", "output"})
      names.push_back(fmt::format("layers.{}.{}", layer, part));
  std::sort(names.begin(), names.end());
  std::vector<std::string> got;
  for (const auto& [name, activation] : trace) got.push_back(name);
  EXPECT_EQ(got, names);
  EXPECT_EQ(trace.at("logits").values, logits);
  EXPECT_EQ(trace.at("layers.1.router.logits").shape, (std::vector<int64_t>{3, 5}));
  test::TemporaryFolder folder;
  write_trace(folder / "trace.safetensors", trace);
  EXPECT_EQ(SafetensorsFile(folder / "trace.safetensors").tensors().size(), names.size());
}

}  // namespace
}  // namespace coppice
