// FineQuant directories: what is written is read back, and damaged ones are refused.

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/rng.h"
#include "format/gguf_types.h"
#include "model/finequant/finequant_model.h"
#include "model/model_directory.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

ModelSpec small_spec() {
  return {.vocabulary = 40,
          .width = 64,
          .context = 32,
          .tied_embeddings = true,
          .blocks = {{AttentionSpec{.heads = 2, .kv_heads = 1, .head_dim = 32},
                      MoeSpec{.widths = {25, 33}, .top_k = 1, .shared_width = 8}},
                     {AttentionSpec{.heads = 2, .kv_heads = 1, .head_dim = 32}, DenseFfnSpec{.width = 96}}}};
}

void write_random(const std::filesystem::path& path, const ModelSpec& spec) {
  Rng rng(4);
  std::vector<std::vector<float>> values;
  std::vector<TensorData> tensors;
  const auto table = tensor_table(spec);
  values.reserve(table.size());
  for (const auto& tensor : table) {
    auto& own = values.emplace_back();
    for (int64_t i = 0; i < tensor.count(); ++i) own.push_back(static_cast<float>(rng.normal() * 0.1));
    tensors.push_back({tensor.name, DType::f32, tensor.shape, std::as_bytes(std::span(own))});
  }
  std::filesystem::create_directories(path);
  write_model(path, spec, tensors);
}

class Finequant : public testing::Test {
 protected:
  void SetUp() override {
    write_random(folder_ / "model", small_spec());
    model_ = open_model(folder_ / "model");
    std::filesystem::create_directories(small());
    written_ = write_finequant(*model_, {}, small());
  }
  std::filesystem::path small() const { return folder_ / "small"; }

  TemporaryFolder folder_;
  std::shared_ptr<const ModelFiles> model_;
  std::vector<WrittenTensor> written_;
};

TEST_F(Finequant, ComesBackAsItsGroupsSay) {
  ASSERT_TRUE(is_finequant_directory(small()));
  EXPECT_FALSE(is_finequant_directory(folder_ / "model"));
  const auto back = open_model(small());
  EXPECT_EQ(to_json(back->spec())["blocks"], to_json(model_->spec())["blocks"]);
  int four = 0, eight = 0, whole = 0, blocked = 0;
  for (const auto& tensor : written_) {
    const auto wanted = model_->tensor(tensor.name).to_floats(),
               found = back->tensor(tensor.name).to_floats();
    ASSERT_EQ(found.size(), wanted.size()) << tensor.name;
    const TensorForm form = back->form(tensor.name);
    if (form.shape.size() == 2) {
      const StoredMatrix stored = back->matrix(tensor.name);
      EXPECT_EQ(stored.rows.type, form.type) << tensor.name;
      blocked += stored.rows.type == GgmlType::q4_0 || stored.rows.type == GgmlType::q8_0;
      EXPECT_EQ(dequantize(static_cast<uint32_t>(stored.rows.type), stored.rows.bytes, tensor.name), found)
          << tensor.name;
    }
    WeightError error;
    error.add(wanted, found);
    EXPECT_DOUBLE_EQ(error.error_squares, tensor.error.error_squares) << tensor.name;
    const bool is_four = tensor.type.starts_with("int4"), is_eight = tensor.type.starts_with("int8");
    (is_four ? four : is_eight ? eight : whole) += 1;
    EXPECT_EQ(is_four, tensor.name.find("mlp.") != std::string::npos &&
                           tensor.name.ends_with("_proj.weight") &&
                           tensor.name.find("shared") == std::string::npos)
        << tensor.name;
    EXPECT_LT(error.relative(), is_four ? 0.2 : is_eight ? 0.02 : 1e-9) << tensor.name;
    if (!is_four && !is_eight) {
      EXPECT_EQ(error.largest, 0) << tensor.name;
    }
  }
  EXPECT_EQ(four, 9);
  EXPECT_EQ(eight, 12);
  EXPECT_GT(whole, 0);
  EXPECT_EQ(blocked, 18);  // all but the down projections of experts of odd widths
  int64_t bytes = 0;
  for (const auto& tensor : written_) bytes += tensor.bytes;
  EXPECT_EQ(back->total_bytes(), bytes);
}

TEST_F(Finequant, DamagedDirectoriesAreRefused) {
  const std::string config = read_file(small() / "config.json");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = config;
    text.replace(text.find(from), from.size(), to);
    write_file(small() / "config.json", text);
    return error_of([&] { open_model(small()); });
  };
  EXPECT_THAT(changed("\"least_group\"", "\"least\""), HasSubstr("unknown key 'least'"));
  EXPECT_THAT(changed("\"model_type\": \"coppice\"", "\"model_type\": \"llama\""), HasSubstr("\"coppice\""));
  EXPECT_THAT(changed("\"vocabulary\": 40", "\"vocabulary\": 41"), HasSubstr("[41, 64] by config.json"));
  write_file(small() / "config.json", config);

  const auto original = SafetensorsFile(small() / "model.safetensors").tensors().size();
  const auto rewritten = [&](const std::function<void(std::vector<TensorData>&)>& change) {
    std::filesystem::copy_file(small() / "model.safetensors", folder_ / "kept",
                               std::filesystem::copy_options::overwrite_existing);
    const SafetensorsFile file(folder_ / "kept");
    std::vector<TensorData> tensors;
    for (const auto& view : file.tensors())
      tensors.push_back({view.name, view.dtype, view.shape, view.bytes});
    EXPECT_EQ(tensors.size(), original);
    change(tensors);
    write_safetensors(small() / "model.safetensors", tensors);
    const std::string message = error_of([&] { open_model(small()); });
    std::filesystem::copy_file(folder_ / "kept", small() / "model.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
    return message;
  };
  const std::string matrix = "model.layers.1.mlp.up_proj.weight";
  const auto find = [](std::vector<TensorData>& tensors, const std::string& name) {
    return std::ranges::find(tensors, name, &TensorData::name);
  };
  EXPECT_THAT(rewritten([&](auto& tensors) { tensors.erase(find(tensors, matrix + ".scales")); }),
              HasSubstr("integers without scales"));
  EXPECT_THAT(rewritten([&](auto& tensors) { tensors.erase(find(tensors, matrix + ".integers")); }),
              HasSubstr("neither '" + matrix + "'"));
  EXPECT_THAT(rewritten([&](auto& tensors) {
                find(tensors, matrix + ".scales")->shape = {1, 96};
              }),
              HasSubstr("rows of a number that divides 64"));
  EXPECT_THAT(rewritten([&](auto& tensors) {
                find(tensors, matrix + ".integers")->shape = {48, 64};
              }),
              HasSubstr("[96, 32] by config.json"));
  EXPECT_THAT(rewritten([&](auto& tensors) { find(tensors, matrix + ".scales")->dtype = DType::bf16; }),
              HasSubstr("BF16 scales"));
  const std::vector<uint16_t> infinite(96, 0x7C00);
  EXPECT_THAT(rewritten([&](auto& tensors) {
                find(tensors, matrix + ".scales")->bytes = std::as_bytes(std::span(infinite));
              }),
              HasSubstr("the scale inf"));
  const std::vector<float> numbers(96 * 64, 1);
  EXPECT_THAT(rewritten([&](auto& tensors) {
                tensors.push_back({matrix, DType::f32, {96, 64}, std::as_bytes(std::span(numbers))});
              }),
              HasSubstr("both '" + matrix + "'"));
  EXPECT_THAT(rewritten([&](auto& tensors) {
                tensors.push_back({"spare", DType::f32, {96, 64}, std::as_bytes(std::span(numbers))});
              }),
              HasSubstr("tensor 'spare'"));
  EXPECT_NO_THROW(open_model(small()));
}

}  // namespace
}  // namespace coppice
