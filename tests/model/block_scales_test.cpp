// FP8 weights with scales by block: every number of the type, a model directory of them, and damaged ones.

#include "model/block_scales.h"

#include <cmath>

#include <gmock/gmock.h>

#include "format/float16.h"
#include "model/decoder.h"
#include "model/formula_weights.h"
#include "model/model_directory.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

TEST(Fp8, EveryNumberIsThatOfItsFormula) {
  for (int bits = 0; bits < 256; ++bits) {
    const int exponent = bits >> 3 & 15, mantissa = bits & 7;
    const float got = f8_e4m3_to_float(static_cast<uint8_t>(bits));
    if (exponent == 15 && mantissa == 7) {
      EXPECT_TRUE(std::isnan(got));
      continue;
    }
    const double size = exponent == 0 ? mantissa / 8.0 * std::pow(2.0, -6)
                                      : (1 + mantissa / 8.0) * std::pow(2.0, exponent - 7);
    EXPECT_EQ(got, bits & 128 ? -size : size) << bits;
  }
  EXPECT_EQ(f8_e4m3_to_float(0x7E), 448);
}

// DeepSeek-V3's reference model, its matrices but for embedding, head and routers in FP8, in blocks of 4 by 6.
class Fp8Directory : public testing::Test {
 protected:
  Fp8Directory() {
    const Json file = read_json_file(fmt::format("{}/tests/data/families/deepseek_v3.json", COPPICE_SOURCE));
    config_ = file["config"];
    uint32_t state = 1;
    for (const auto& [name, shape] : file["tensors"].items()) {
      const auto sizes = shape.get<std::vector<int64_t>>();
      const auto values = test::weights_of(name, sizes);
      const bool plain = sizes.size() != 2 || name.find("embed") != name.npos ||
                         name.find("lm_head") != name.npos || name.ends_with("mlp.gate.weight");
      if (plain) {
        put(name, sizes, values);
        put_plain(name, sizes, values);
        continue;
      }
      const std::vector<int64_t> blocks = {(sizes[0] + 3) / 4, (sizes[1] + 5) / 6};
      std::vector<float> scales(static_cast<size_t>(blocks[0] * blocks[1])), products;
      for (float& scale : scales)
        scale = 0.01f + static_cast<float>((state = state * 1664525 + 1013904223) >> 20) * 1e-6f;
      std::vector<std::byte> bytes;
      for (int64_t row = 0; row < sizes[0]; ++row)
        for (int64_t column = 0; column < sizes[1]; ++column) {
          const auto bits = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24 & 0xCF);
          bytes.push_back(static_cast<std::byte>(bits));
          products.push_back(f8_e4m3_to_float(bits) *
                             scales[static_cast<size_t>(row / 4 * blocks[1] + column / 6)]);
        }
      tensors_[name] = {DType::f8_e4m3, sizes, bytes};
      put(name + "_scale_inv", blocks, scales);
      put_plain(name, sizes, products);
    }
    config_["quantization_config"] = {{"quant_method", "fp8"},
                                      {"fmt", "e4m3"},
                                      {"activation_scheme", "dynamic"},
                                      {"weight_block_size", {4, 6}}};
  }

  struct Stored {
    DType dtype = DType::f32;
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;
  };
  using Tensors = std::map<std::string, Stored>;

  static Stored stored(const std::vector<int64_t>& shape, const std::vector<float>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    return {DType::f32, shape, {bytes.begin(), bytes.end()}};
  }
  void put(const std::string& name, const std::vector<int64_t>& shape, const std::vector<float>& values) {
    tensors_[name] = stored(shape, values);
  }
  void put_plain(const std::string& name, const std::vector<int64_t>& shape,
                 const std::vector<float>& values) {
    plain_[name] = stored(shape, values);
  }

  static std::shared_ptr<const ModelDirectory> open(const std::filesystem::path& folder,
                                                    const Tensors& tensors, const Json& config) {
    std::vector<TensorData> data;
    for (const auto& [name, tensor] : tensors)
      data.push_back({name, tensor.dtype, tensor.shape, tensor.bytes});
    std::filesystem::create_directories(folder);
    write_tensor_folder(folder, data);
    write_file(folder / "config.json", to_text(config));
    return std::make_shared<ModelDirectory>(folder);
  }
  std::string error() {
    return error_of([&] { open(folder_ / "bad", tensors_, config_); });
  }

  static std::vector<float> logits(const std::shared_ptr<const ModelFiles>& files) {
    Decoder decoder(files);
    const std::vector<int32_t> tokens = {3, 1, 4};
    const Decoder::Input input{.tokens = tokens, .all_logits = true};
    return decoder.forward({&input, 1});
  }

  Json config_;
  Tensors tensors_, plain_;
  TemporaryFolder folder_;
  const std::string matrix_ = "model.layers.1.self_attn.kv_b_proj.weight";
};

TEST_F(Fp8Directory, ReadsAsItsProducts) {
  Json plain_config = config_;
  plain_config.erase("quantization_config");
  const auto scaled = open(folder_ / "fp8", tensors_, config_),
             plain = open(folder_ / "plain", plain_, plain_config);
  EXPECT_EQ(scaled->spec(), plain->spec());
  for (const auto& tensor : tensor_table(plain->spec()))
    EXPECT_EQ(scaled->tensor(tensor.name).to_floats(), plain->tensor(tensor.name).to_floats()) << tensor.name;
  EXPECT_EQ(logits(scaled), logits(plain));
  const auto stored = scaled->stored();
  EXPECT_EQ(
      std::ranges::count_if(stored, [](const StoredTensor& tensor) { return tensor.type == "F8_E4M3"; }),
      std::ranges::count_if(tensors_,
                            [](const auto& entry) { return entry.second.dtype == DType::f8_e4m3; }));
}

TEST_F(Fp8Directory, WithoutScalesIsRefused) {
  tensors_.erase(matrix_ + "_scale_inv");
  EXPECT_THAT(error(), HasSubstr("FP8 numbers without scales, expected " + matrix_ + "_scale_inv"));
}

TEST_F(Fp8Directory, WithoutTheConfigurationIsRefused) {
  config_.erase("quantization_config");
  EXPECT_THAT(error(), HasSubstr("_scale_inv"));
}

TEST_F(Fp8Directory, WithScalesOfAnotherShapeIsRefused) {
  config_["quantization_config"]["weight_block_size"] = {4, 4};
  EXPECT_THAT(error(), HasSubstr("by weight_block_size"));
}

TEST_F(Fp8Directory, WithScalesOfANumberThatIsNotScaledIsRefused) {
  put("model.norm.weight_scale_inv", {1, 1}, {1});
  EXPECT_THAT(error(), HasSubstr("'model.norm.weight_scale_inv'"));
}

TEST_F(Fp8Directory, WithMatricesOfAnotherShapeIsRefused) {
  auto& matrix = tensors_.at(matrix_);
  matrix.shape = {matrix.shape[0] - 1, matrix.shape[1]};
  matrix.bytes.resize(static_cast<size_t>(matrix.shape[0] * matrix.shape[1]));
  EXPECT_THAT(error(), HasSubstr("shape"));
}

TEST_F(Fp8Directory, WithNaNIsRefusedWhereItIs) {
  tensors_.at(matrix_).bytes[5] = std::byte{0x7F};
  const auto files = open(folder_ / "nan", tensors_, config_);
  EXPECT_THAT(error_of([&] { files->tensor(matrix_); }), HasSubstr(matrix_ + ": nan, expected finite"));
}

TEST_F(Fp8Directory, OtherWaysOfQuantizingAreRefused) {
  const Json good = config_["quantization_config"];
  const auto with = [&](const char* key, const Json& value) {
    config_["quantization_config"] = good;
    config_["quantization_config"][key] = value;
    return error();
  };
  EXPECT_THAT(with("quant_method", "gptq"), HasSubstr("quant_method: \"gptq\""));
  EXPECT_THAT(with("fmt", "e5m2"), HasSubstr("fmt: \"e5m2\""));
  EXPECT_THAT(with("bits", 4), HasSubstr("key 'bits'"));
  EXPECT_THAT(with("weight_block_size", {128}), HasSubstr("weight_block_size: [128]"));
  EXPECT_THAT(with("weight_block_size", {0, 128}), HasSubstr("weight_block_size: [0,128]"));
  EXPECT_THAT(with("quant_method", nullptr), HasSubstr("no 'quant_method'"));
  config_["quantization_config"] = "fp8";
  EXPECT_THAT(error(), HasSubstr("expected an object"));
}

}  // namespace
}  // namespace coppice
