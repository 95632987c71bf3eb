// Models of which weights or neurons are 0: the fast ways through them give what the plain ones give.

#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "kernels/isa.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "numeric_model.h"

namespace coppice {
namespace {

using test::NumericModel;

class SparseModel : public ::testing::Test {
 protected:
  void TearDown() override { kernels::use_isa(isa_); }
  kernels::Isa isa_ = kernels::active_isa();
};

ModelSpec spec_of(const FfnSpec& ffn) {
  return {
      .vocabulary = 40,
      .width = 64,
      .context = 64,
      .blocks = std::vector<BlockSpec>(2, {AttentionSpec{.heads = 4, .kv_heads = 2, .head_dim = 16}, ffn})};
}

std::vector<float> at_once(Decoder& decoder, std::span<const int32_t> tokens) {
  const Decoder::Input input{.tokens = tokens, .all_logits = true};
  return decoder.forward({&input, 1});
}

std::vector<float> one_by_one(Decoder& decoder, std::span<const int32_t> tokens) {
  const auto cache = decoder.new_cache();
  std::vector<float> logits;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Decoder::Input input{.tokens = tokens.subspan(i, 1), .cache = cache.get()};
    const auto row = decoder.forward({&input, 1});
    logits.insert(logits.end(), row.begin(), row.end());
  }
  return logits;
}

// Bounds of what rounding of activations to bf16 costs here, and of what f32 costs.
double tolerance(DType dtype) {
  return dtype == DType::bf16 ? 2e-2 : 1e-4;
}

TEST_F(SparseModel, SilentNeuronsAreSkippedAndNothingElseChanges) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const ModelSpec spec =
        spec_of(DenseFfnSpec{.width = 300, .gated = false, .bias = true, .activation = Activation::relu});
    NumericModel model(spec, 5, dtype);
    for (const char* layer : {"0", "1"}) {
      auto& bias = model.floats(std::string("model.layers.") + layer + ".mlp.up_proj.bias");
      for (size_t i = 0; i < bias.size(); ++i) bias[i] = i % 40 < 2 ? 1.0f : -8.0f;
    }
    Rng rng(3);
    const auto tokens = test::random_tokens(spec, 20, rng);
    const auto want = model.reference_logits(tokens);
    for (const kernels::Isa isa : kernels::supported_isas()) {
      kernels::use_isa(isa);
      Decoder decoder(model.open());
      const int64_t bytes = decoder.bytes_per_token();
      const auto all = at_once(decoder, tokens);
      EXPECT_EQ(decoder.silence().neurons, 0) << "only single tokens count";
      EXPECT_EQ(one_by_one(decoder, tokens), all) << to_string(isa);
      EXPECT_LT(test::relative_difference(all, want), tolerance(dtype)) << to_string(isa);
      EXPECT_EQ(decoder.silence().neurons, 2 * 300 * 20);
      EXPECT_GT(decoder.silence().share(), 0.9);
      EXPECT_LT(decoder.bytes_per_token(), bytes);
    }
  }
}

TEST_F(SparseModel, NeuronsOfExpertsAreSkippedToo) {
  const ModelSpec spec = spec_of(MoeSpec{
      .widths = std::vector<int64_t>(4, 160), .top_k = 2, .gated = true, .activation = Activation::relu});
  NumericModel model(spec, 6);
  // A gate that is the input times a negative number where the input is mostly positive would need a bias: only neurons
  // 0 to 9 have a gate at all.
  for (int e = 0; e < 4; ++e)
    for (int layer = 0; layer < 2; ++layer) {
      auto& gate = model.floats(fmt::format("model.layers.{}.mlp.experts.{}.gate_proj.weight", layer, e));
      std::fill(gate.begin() + 10 * 64, gate.end(), 0.0f);
    }
  Rng rng(4);
  const auto tokens = test::random_tokens(spec, 20, rng);
  const auto want = model.reference_logits(tokens);
  for (const kernels::Isa isa : kernels::supported_isas()) {
    kernels::use_isa(isa);
    Decoder decoder(model.open());
    const auto all = at_once(decoder, tokens);
    EXPECT_EQ(one_by_one(decoder, tokens), all) << to_string(isa);
    EXPECT_LT(test::relative_difference(all, want), 1e-4) << to_string(isa);
    EXPECT_GT(decoder.silence().share(), 0.9);
  }
}

// A weight that is not finite times 0 is not 0, so that its neuron must be read.
TEST_F(SparseModel, NothingIsSkippedOfMatricesThatAreNotFinite) {
  const ModelSpec spec =
      spec_of(DenseFfnSpec{.width = 64, .gated = false, .bias = true, .activation = Activation::relu});
  for (const float odd : {INFINITY, -INFINITY, NAN})
    for (const DType dtype : {DType::f32, DType::bf16}) {
      NumericModel model(spec, 9, dtype);
      for (const char* layer : {"0", "1"})
        for (float& value : model.floats(std::string("model.layers.") + layer + ".mlp.up_proj.bias"))
          value = -8;
      model.floats("model.layers.0.mlp.down_proj.weight")[5] = odd;
      Decoder decoder(model.open());
      Rng rng(7);
      const auto tokens = test::random_tokens(spec, 3, rng);
      for (const float value : one_by_one(decoder, tokens)) EXPECT_TRUE(std::isnan(value));
      EXPECT_EQ(decoder.silence().neurons, 3 * 64) << "layer 1 alone";
    }
}

TEST_F(SparseModel, OtherActivationsSkipNothing) {
  const ModelSpec spec = spec_of(DenseFfnSpec{.width = 64, .activation = Activation::silu});
  NumericModel model(spec, 7);
  Decoder decoder(model.open());
  Rng rng(5);
  one_by_one(decoder, test::random_tokens(spec, 3, rng));
  EXPECT_EQ(decoder.silence().neurons, 0);
}

// Zeros in every matrix of the blocks, as methods of pruning leave them.
void prune(NumericModel& model, const ModelSpec& spec,
           const std::function<bool(size_t row, size_t column)>& keeps) {
  for (const auto& tensor : tensor_table(spec)) {
    if (tensor.shape.size() != 2 || tensor.name.find("layers") == std::string::npos) continue;
    const auto columns = static_cast<size_t>(tensor.shape[1]);
    auto& floats = model.floats(tensor.name);
    for (size_t i = 0; i < floats.size(); ++i)
      if (!keeps(i / columns, i % columns)) floats[i] = 0;
  }
}

TEST_F(SparseModel, PrunedMatricesComputeWhatTheirZerosSay) {
  const std::function<bool(size_t, size_t)> patterns[] = {
      [](size_t row, size_t column) { return (column + row) % 4 < 2; },    // two of four
      [](size_t row, size_t column) { return (column + row) % 32 < 3; }};  // a fan-in of a tenth
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (const auto& keeps : patterns) {
      const ModelSpec spec = spec_of(DenseFfnSpec{.width = 96});
      NumericModel dense(spec, 8, dtype), pruned(spec, 8, dtype);
      prune(pruned, spec, keeps);
      Rng rng(6);
      const auto tokens = test::random_tokens(spec, 20, rng);
      const auto want = pruned.reference_logits(tokens);
      for (const kernels::Isa isa : kernels::supported_isas()) {
        kernels::use_isa(isa);
        Decoder decoder(pruned.open());
        EXPECT_LT(decoder.bytes_per_token(), Decoder(dense.open()).bytes_per_token() * 3 / 4);
        const auto all = at_once(decoder, tokens);
        EXPECT_EQ(one_by_one(decoder, tokens), all) << to_string(isa);
        EXPECT_LT(test::relative_difference(all, want), tolerance(dtype)) << to_string(isa);
      }
    }
}

}  // namespace
}  // namespace coppice
