// export, and the verbs that take a GGUF file, as a user meets them.

#include <gmock/gmock.h>

#include "base/json.h"
#include "cli/process.h"
#include "model/model_directory.h"
#include "model/random_model.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;

class Export : public ::testing::Test {
 protected:
  void SetUp() override {
    COPPICE_NEEDS_DATA("stories260k-hf");
    model_ = (data_folder() / "stories260k-hf").string();
    file_ = (folder_ / "m.gguf").string();
  }

  TemporaryFolder folder_;
  std::string model_, file_;
};

TEST_F(Export, TheFileRunsAsTheDirectoryDoes) {
  const Outcome written = run_coppice({"export", model_, "-o", file_, "--type", "f32", "--json"});
  ASSERT_EQ(written.exit_code, 0) << written.err;
  const Json json = parse_json(written.out, "stdout");
  EXPECT_EQ(json["architecture"], "llama");
  EXPECT_EQ(json["tensors"], 47);
  EXPECT_EQ(json["bytes"], std::filesystem::file_size(file_));

  const Json expected = read_json_file(data_folder() / "stories260k-hf/expected.json");
  const Outcome run = run_coppice({"run", file_, expected["prompt"], "-n", "64", "--temp", "0", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Json result = parse_json(run.out, "stdout");
  EXPECT_EQ(result["prompt_ids"], expected["prompt_ids"]);
  EXPECT_EQ(result["ids"], expected["greedy_64_after_prompt"]);

  write_file(folder_ / "text.txt", expected["nll_text"].get<std::string>());
  const auto eval = [&](const std::string& model) {
    return parse_json(run_coppice({"eval", model, "--text", (folder_ / "text.txt").string(), "--json"}).out,
                      "stdout")["nll"];
  };
  EXPECT_EQ(eval(file_), eval(model_));

  const Outcome info = run_coppice({"info", file_, "--tensors", "--json"});
  ASSERT_EQ(info.exit_code, 0) << info.err;
  const Json facts = parse_json(info.out, "stdout");
  EXPECT_EQ(facts["family"], "llama");
  EXPECT_EQ(facts["dtypes"], Json::array({"F32"}));
  EXPECT_EQ(facts["tensors"].size(), 47);
}

TEST_F(Export, ExistingFilesAreKeptUnlessToldOtherwise) {
  write_file(file_, "mine");
  const Outcome refused = run_coppice({"export", model_, "-o", file_});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("--overwrite"));
  EXPECT_EQ(read_file(file_), "mine");
  EXPECT_EQ(run_coppice({"export", model_, "-o", file_, "--overwrite", "--type", "q8_0"}).exit_code, 0);
  EXPECT_EQ(run_coppice({"info", file_}).exit_code, 0);
  EXPECT_EQ(run_coppice({"export", model_, "-o", file_, "--type", "q9"}).exit_code, 2);
}

TEST_F(Export, AModelWithoutANameThereIsRefusedAndNothingIsLeft) {
  const std::string config = read_file(std::filesystem::path(model_) / "config.json");
  std::string changed = config;
  changed.replace(changed.find("\"silu\""), 6, "\"gelu\"");
  std::filesystem::copy(model_, folder_ / "gelu");
  std::filesystem::permissions(folder_ / "gelu/config.json", std::filesystem::perms::owner_all);
  write_file(folder_ / "gelu/config.json", changed);
  const Outcome refused = run_coppice({"export", (folder_ / "gelu").string(), "-o", file_});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("activation is \"gelu\""));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(Export, DamagedFilesAreOneLine) {
  write_file(file_, "GGUF and nothing more");
  for (const char* verb : {"info", "run"}) {
    const Outcome outcome = run_coppice({verb, file_});
    EXPECT_EQ(outcome.exit_code, 3);
    EXPECT_THAT(outcome.err, HasSubstr("m.gguf: version"));
  }
}

// A directory in the other form of experts, and back.
TEST(ExportExperts, DirectoriesChangeTheirForm) {
  const TemporaryFolder folder;
  ModelSpec spec{.family = "mixtral", .vocabulary = 20, .width = 8, .context = 16};
  spec.blocks.assign(
      2, {AttentionSpec{.heads = 2, .kv_heads = 1, .head_dim = 4}, MoeSpec{.widths = {6, 6, 6}, .top_k = 2}});
  Rng rng(1);
  const RandomWeights weights(spec, rng, DType::bf16);
  std::filesystem::create_directory(folder / "separate");
  write_model(folder / "separate", spec, weights.data());
  write_file(folder / "separate/generation_config.json", "{}");
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const Outcome packed =
      run_coppice({"export", path("separate"), "-o", path("packed"), "--experts", "packed", "--json"});
  ASSERT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_EQ(parse_json(packed.out, "stdout")["experts"], "packed");
  EXPECT_EQ(read_file(folder / "packed/generation_config.json"), "{}");
  const TensorFolder files(folder / "packed");
  ASSERT_NE(files.find("model.layers.1.mlp.experts.gate_up_proj"), nullptr);
  EXPECT_EQ(files.find("model.layers.1.mlp.experts.gate_up_proj")->shape, (std::vector<int64_t>{3, 12, 8}));
  const auto back = run_coppice({"export", path("packed"), "-o", path("back"), "--experts", "separate"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(read_file(folder / "back/model.safetensors"), read_file(folder / "separate/model.safetensors"));
  EXPECT_EQ(read_file(folder / "back/config.json"), read_file(folder / "separate/config.json"));

  EXPECT_EQ(run_coppice({"export", path("packed"), "-o", path("back"), "--experts", "separate"}).exit_code,
            3);
  const Outcome both =
      run_coppice({"export", path("packed"), "-o", path("x"), "--experts", "separate", "--type", "f16"});
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_THAT(both.err, HasSubstr("--type"));
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

}  // namespace
}  // namespace coppice::test
