// Every family against an independent forward pass in double precision (tests/reference/), on files as the
// family's publishers lay them out; and against itself by cache and batch.

#include "model/arch/families.h"

#include <cmath>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/numeric_model.h"
#include "support.h"

namespace coppice {
namespace {

using test::TemporaryFolder;

// The formula of tests/reference/common.py.
std::vector<float> weights_of(const std::string& name, const std::vector<int64_t>& shape) {
  uint64_t key = 0xCBF29CE484222325;
  for (const char c : name) key = (key ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  const bool row = shape.size() == 1;
  const double centre = row && name.ends_with(".weight") ? 1 : 0;
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    uint64_t z = key + static_cast<uint64_t>(i + 1) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    const double uniform = static_cast<double>(z >> 11) * 0x1p-53 * 2 - 1;
    values.push_back(static_cast<float>((row ? 0.3 : 0.5) * uniform + centre));
  }
  return values;
}

class FamilyReference : public testing::TestWithParam<const char*> {
 protected:
  FamilyReference()
      : expected_(read_json_file(fmt::format("{}/tests/data/families/{}.json", COPPICE_SOURCE, GetParam()))),
        tokens_(expected_["tokens"].get<std::vector<int32_t>>()) {
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
    const Decoder::Input input{.tokens = tokens_, .all_logits = true};
    return decoder.forward({&input, 1});
  }

  TemporaryFolder folder_;
  Json expected_;
  std::vector<int32_t> tokens_;
  std::vector<double> logits_;
};

TEST_P(FamilyReference, LogitsAreThoseOfTheReference) {
  Decoder decoder(std::make_shared<ModelDirectory>(folder_.path()), WeightType::f32);
  EXPECT_EQ(decoder.spec().family, GetParam());
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

TEST_P(FamilyReference, CacheAndBatchChangeNoBit) {
  Decoder decoder(std::make_shared<ModelDirectory>(folder_.path()));
  const auto whole = run(decoder);
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
  const std::vector<int32_t> other = {1, 2, 3};
  const Decoder::Input inputs[] = {{.tokens = other}, {.tokens = tokens_, .all_logits = true}};
  const auto together = decoder.forward(inputs);
  EXPECT_EQ(std::vector<float>(together.end() - static_cast<std::ptrdiff_t>(whole.size()), together.end()),
            whole);
}

TEST_P(FamilyReference, IsWrittenAgainAsItself) {
  const ModelDirectory first(folder_.path());
  std::vector<TensorData> tensors;
  for (const auto& tensor : tensor_table(first.spec())) {
    const TensorView& view = first.tensor(tensor.name);
    tensors.push_back({tensor.name, view.dtype, view.shape, view.bytes});
  }
  const TemporaryFolder copy;
  write_model(copy.path(), first.spec(), tensors);
  EXPECT_EQ(read_json_file(copy / "config.json")["model_type"], GetParam());
  const ModelDirectory second(copy.path());
  EXPECT_EQ(second.spec(), first.spec());
  for (const auto& tensor : tensors)
    EXPECT_TRUE(std::ranges::equal(second.tensor(tensor.name).bytes, tensor.bytes)) << tensor.name;
  // The files hold what they held, under the same names but for a prefix.
  const auto names = TensorFolder(copy.path()).names();
  EXPECT_EQ(names.size(), expected_["tensors"].size());
  for (const auto& [name, shape] : expected_["tensors"].items())
    EXPECT_EQ(std::ranges::count_if(
                  names, [&wanted = name](const std::string& other) { return other.ends_with(wanted); }),
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
                                         "olmo2", "phi", "gpt2", "opt", "deepseek", "deepseek_v2",
                                         "deepseek_v3", "PanguProMoE", "pangu_ultra_moe"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace coppice
