// The two halves are each other's oracle: lab and runtime agree by named activation, for every kind of block,
// with prompts of unequal length in one batch, with and without a cache.

#include "gradient_check.h"
#include "model/arch/families.h"
#include "model/cross_attention.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/model_directory.h"
#include "support.h"
#include "tiny_models.h"

namespace coppice::test {
namespace {

const std::vector<std::vector<int32_t>> prompts = {{3, 17, 5, 9, 30, 2, 11}, {1, 8}, {39, 0, 25, 12, 12}};

// What the lab computes for each prompt when all are padded into one batch.
std::vector<Trace> lab_traces(const lab::LanguageModel& source) {
  auto& model = const_cast<lab::LanguageModel&>(source);
  const torch::NoGradGuard no_gradient;
  constexpr int64_t longest = 7;
  torch::Tensor ids = torch::zeros({static_cast<int64_t>(prompts.size()), longest}, torch::kInt64);
  torch::Tensor lengths = torch::zeros({static_cast<int64_t>(prompts.size())}, torch::kInt64);
  for (size_t i = 0; i < prompts.size(); ++i) {
    for (size_t t = 0; t < prompts[i].size(); ++t)
      ids[static_cast<int64_t>(i)][static_cast<int64_t>(t)] = prompts[i][t];
    lengths[static_cast<int64_t>(i)] = static_cast<int64_t>(prompts[i].size());
  }
  std::vector<Trace> traces(prompts.size());
  model.forward(
      ids,
      [&](const std::string& name, int64_t rows, int64_t width, const float* values) {
        ASSERT_EQ(rows, static_cast<int64_t>(prompts.size()) * longest) << name;
        for (size_t i = 0; i < prompts.size(); ++i) {
          const float* begin = values + static_cast<int64_t>(i) * longest * width;
          const auto length = static_cast<int64_t>(prompts[i].size());
          traces[i][name] = {{length, width}, std::vector<float>(begin, begin + length * width)};
        }
      },
      lengths);
  return traces;
}

// Returns the largest difference of any activation, relative to its largest value (but at least 1).
float expect_equal(const Trace& lab, const Trace& runtime, const std::string& what) {
  EXPECT_EQ(lab.size(), runtime.size()) << what;
  float largest = 0;
  for (const auto& [name, expected] : lab) {
    EXPECT_TRUE(runtime.contains(name)) << what << ": " << name;
    if (!runtime.contains(name)) continue;
    const Activation32& actual = runtime.at(name);
    EXPECT_EQ(actual.shape, expected.shape) << what << ": " << name;
    if (actual.shape != expected.shape) continue;
    float magnitude = 1, worst = 0;
    for (size_t i = 0; i < expected.values.size(); ++i) {
      magnitude = std::max(magnitude, std::abs(expected.values[i]));
      worst = std::max(worst, std::abs(expected.values[i] - actual.values[i]));
    }
    EXPECT_LE(worst, 1e-4F * magnitude) << what << ": " << name;
    largest = std::max(largest, worst / magnitude);
  }
  return largest;
}

// One pass over a whole prompt, or pieces of one and two tokens that continue a cache.
Trace runtime_trace(Decoder& decoder, const std::vector<int32_t>& prompt, bool in_pieces) {
  Trace trace;
  if (!is_causal(decoder.spec())) {  // has no pieces
    const Decoder::Input input = {.tokens = prompt, .all_logits = true};
    if (decoder.spec().head == HeadKind::none)
      decoder.hidden_states(std::span(&input, 1), collect_into(trace));
    else
      decoder.forward(std::span(&input, 1), collect_into(trace));
    return trace;
  }
  const auto cache = decoder.new_cache();
  size_t at = 0;
  for (size_t piece = 1; at < prompt.size(); piece = 3 - piece) {
    const size_t count = in_pieces ? std::min(piece, prompt.size() - at) : prompt.size();
    const Decoder::Input input = {
        .tokens = std::span(prompt).subspan(at, count), .cache = cache.get(), .all_logits = true};
    decoder.forward(std::span(&input, 1), collect_into(trace));
    at += count;
  }
  return trace;
}

void expect_parity(const std::string& name, const ModelSpec& spec) {
  SCOPED_TRACE(name);
  const auto model = random_model(spec, 77);
  const TemporaryFolder folder;
  lab::save_model(folder.path(), spec, lab::state_of(*model), DType::f32);
  Decoder decoder(std::make_shared<ModelDirectory>(folder.path()), WeightType::f32);
  const std::vector<Trace> expected = lab_traces(*model);

  std::vector<Decoder::Input> inputs;
  for (const auto& prompt : prompts)
    inputs.push_back({.tokens = prompt, .cache = nullptr, .all_logits = true});
  const bool head = spec.head != HeadKind::none;
  const std::vector<float> together = head ? decoder.forward(inputs) : decoder.hidden_states(inputs);
  size_t at = 0;
  float largest = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    for (const bool in_pieces : {false, true})
      largest = std::max(largest, expect_equal(expected[i], runtime_trace(decoder, prompts[i], in_pieces),
                                               fmt::format("prompt {}, in pieces: {}", i, in_pieces)));
    const std::string last = fmt::format("layers.{}.output", spec.blocks.size() - 1);
    for (const float logit : expected[i].at(head ? "logits" : spec.final_norm ? "norm" : last).values) {
      ASSERT_NEAR(together.at(at), logit, 1e-4 * std::max(1.0F, std::abs(logit)))
          << "prompt " << i << " in a batch";
      ++at;
    }
  }
  testing::Test::RecordProperty("relative_difference_" + spec.family, fmt::format("{:.1e}", largest));
}

TEST(Parity, Dense) {
  expect_parity("llama", tiny_dense());
  expect_parity(
      "ungated, biased, tied",
      tiny_spec(DenseFfnSpec{.width = 20, .gated = false, .bias = true, .activation = Activation::gelu_tanh},
                true));
  ModelSpec spec = tiny_dense();
  spec.family = "coppice";
  auto& attention = std::get<AttentionSpec>(spec.blocks[0].mixer);
  attention.qkv_bias = attention.output_bias = true;
  attention.rope = {.theta = 500, .scaling = RopeScaling::llama3, .factor = 4, .original_context = 16};
  expect_parity("biased attention, stretched positions", spec);
}

TEST(Parity, Mixtral) {
  expect_parity("mixtral", tiny_mixtral());
}

TEST(Parity, EveryFamily) {
  for (const auto& spec : tiny_families()) {
    EXPECT_EQ(writable_family(spec), spec.family);
    expect_parity(spec.family, spec);
  }
}

// Rows of `ids` of unequal length, padded at the end.
torch::Tensor padded(const std::vector<std::vector<int32_t>>& rows) {
  size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.size());
  torch::Tensor ids =
      torch::zeros({static_cast<int64_t>(rows.size()), static_cast<int64_t>(longest)}, torch::kInt64);
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t t = 0; t < rows[i].size(); ++t)
      ids[static_cast<int64_t>(i)][static_cast<int64_t>(t)] = rows[i][t];
  return ids;
}

// Sources and prompts of unequal length: padded into one batch in the lab, one by one and whole or in pieces in the
// runtime.
TEST(Parity, EncoderDecoders) {
  const std::vector<std::vector<int32_t>> sources = {{4, 9, 1}, {7, 7, 30, 2, 19, 33, 12, 1}, {1}};
  for (const auto& spec : tiny_encoder_decoders()) {
    SCOPED_TRACE(spec.family);
    EXPECT_EQ(writable_family(spec), spec.family);
    const auto model = random_model(spec, 78);
    const TemporaryFolder folder;
    lab::save_model(folder.path(), spec, lab::state_of(*model), DType::f32);
    Decoder decoder(std::make_shared<ModelDirectory>(folder.path()), WeightType::f32);

    std::vector<Trace> expected(sources.size());
    const TraceSink split = [&](const std::string& name, int64_t rows, int64_t width, const float* values) {
      const int64_t longest = rows / static_cast<int64_t>(sources.size());
      for (size_t i = 0; i < sources.size(); ++i) {
        const float* begin = values + static_cast<int64_t>(i) * longest * width;
        const auto length =
            static_cast<int64_t>((name.starts_with("encoder.") ? sources : prompts)[i].size());
        expected[i][name] = {{length, width}, std::vector<float>(begin, begin + length * width)};
      }
    };
    const torch::NoGradGuard no_gradient;
    std::vector<int64_t> lengths;
    for (const auto& source : sources) lengths.push_back(static_cast<int64_t>(source.size()));
    const lab::Source source = model->encode(padded(sources), torch::tensor(lengths, torch::kInt64), split);
    model->forward(padded(prompts), split, {}, source);

    float largest = 0;
    for (size_t i = 0; i < sources.size(); ++i)
      for (const bool in_pieces : {false, true}) {
        Trace trace;
        const std::span<const int32_t> ids = sources[i];
        const auto encoded = decoder.encode({&ids, 1}, collect_into(trace)).front();
        const auto cache = decoder.new_cache();
        const size_t step = in_pieces ? 2 : prompts[i].size();
        for (size_t at = 0; at < prompts[i].size(); at += step) {
          const Decoder::Input input = {
              .tokens = std::span(prompts[i]).subspan(at, std::min(step, prompts[i].size() - at)),
              .cache = cache.get(),
              .all_logits = true,
              .source = encoded.get()};
          decoder.forward(std::span(&input, 1), collect_into(trace));
        }
        largest = std::max(largest, expect_equal(expected[i], trace, fmt::format("source {}", i)));
      }
    RecordProperty("relative_difference_" + spec.family, fmt::format("{:.1e}", largest));
  }
}

// Of one label and of several, of pairs of texts: alone by every activation, and padded into one batch.
TEST(Parity, Classifiers) {
  int tested = 0;
  for (ModelSpec spec : tiny_families()) {
    if (spec.head != HeadKind::masked) continue;
    SCOPED_TRACE(spec.family);
    const bool normed = spec.family == "modernbert";
    spec.head = HeadKind::classifier;
    spec.tied_embeddings = false;
    spec.head_bias = true;
    spec.head_norm = normed;
    spec.head_activation = normed                  ? Activation::gelu
                           : spec.token_types == 0 ? Activation::relu
                                                   : Activation::tanh;
    for (const int64_t labels : {1, 3}) {
      spec.labels = labels;
      spec.head_pooling = normed && labels == 3 ? HeadPooling::mean : HeadPooling::first;
      EXPECT_EQ(writable_family(spec), spec.family);
      const auto model = random_model(spec, 80);
      const TemporaryFolder folder;
      lab::save_model(folder.path(), spec, lab::state_of(*model), DType::f32);
      const auto files = std::make_shared<ModelDirectory>(folder.path());
      EXPECT_EQ(files->spec(), spec);
      Decoder decoder(files, WeightType::f32);
      const auto read = lab::load_model(*files);

      const torch::NoGradGuard no_gradient;
      std::vector<std::vector<int32_t>> texts;  // the second half of a prompt is the second text
      std::vector<Decoder::Input> inputs;
      std::vector<int64_t> lengths;
      for (const auto& prompt : prompts) {
        texts.emplace_back(prompt.size(), 0);
        if (spec.token_types > 1)
          std::fill(texts.back().begin() + static_cast<std::ptrdiff_t>(prompt.size() / 2), texts.back().end(),
                    1);
        lengths.push_back(static_cast<int64_t>(prompt.size()));
      }
      for (size_t i = 0; i < prompts.size(); ++i) {
        inputs.push_back({.tokens = prompts[i], .texts = texts[i]});
        Trace lab, runtime;
        read->forward(padded({prompts[i]}), collect_into(lab), {}, {}, padded({texts[i]}));
        decoder.forward(std::span(&inputs.back(), 1), collect_into(runtime));
        EXPECT_EQ(lab.at("logits").shape, (std::vector<int64_t>{1, labels}));
        expect_equal(lab, runtime, fmt::format("prompt {}, {} labels", i, labels));
      }
      const auto expected =
          model->forward(padded(prompts), {}, torch::tensor(lengths, torch::kInt64), {}, padded(texts));
      const auto together = decoder.forward(inputs);
      ASSERT_EQ(static_cast<int64_t>(together.size()), expected.numel());
      for (size_t i = 0; i < together.size(); ++i) {
        const float logit = expected.contiguous().data_ptr<float>()[i];
        EXPECT_NEAR(together[i], logit, 1e-4 * std::max(1.0F, std::abs(logit)));
      }
      ++tested;
    }
  }
  EXPECT_EQ(tested, 10);
}

TEST(Parity, EncoderDecodersNeedASource) {
  const auto model = random_model(tiny_encoder_decoders().front(), 79);
  EXPECT_THROW(model->forward(random_ids(1, 3, 40, 1)), Error);
  EXPECT_THROW(random_model(tiny_dense(), 1)->encode(random_ids(1, 3, 40, 1)), Error);
}

TEST(Parity, EveryRouterSourceAndStorage) {
  for (const auto& [name, moe] : mixtures()) expect_parity(name, tiny_spec(moe));
}

}  // namespace
}  // namespace coppice::test
