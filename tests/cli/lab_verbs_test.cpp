// train, convert, compare and parity as a user meets them, on the embedded default model.

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/process.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LabVerbs : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(std::filesystem::path(COPPICE_BUILD) / "src/cli/coppice-lab"))
      GTEST_SKIP() << "coppice-lab is not built (COPPICE_LAB=OFF)";
    const std::filesystem::path assets = std::filesystem::path(COPPICE_SOURCE) / "assets";
    model_ = (assets / "default-model").string();
    write_file(folder_ / "calib.txt", read_file(assets / "world-calib.txt").substr(0, 20000));
    write_file(folder_ / "test.txt", read_file(assets / "world-test.txt").substr(0, 4000));
  }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }

  std::vector<std::string> convert(const std::string& method,
                                   const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"convert", model_, "--calib", at("calib.txt"), "--method",
                                      method,    "-o",   at("out"), "--json",        "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  // One line on stderr, this exit code, and nothing written.
  void expect_refusal(const std::vector<std::string>& words, int exit_code, const std::string& message,
                      const std::string& before = "") {
    const Outcome outcome = run_coppice(words, before);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("out"))) << "left behind";
  }

  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(LabVerbs, ConvertedModelIsReadByEveryVerb) {
  const Outcome converted =
      run_coppice(convert("cmoe", {"--active", "0.5", "--experts", "8", "--seed", "0"}));
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  const Json json = parse_json(converted.out, "stdout");
  EXPECT_EQ(json["method"], "cmoe");
  EXPECT_LT(json["active_params"].get<int64_t>(), json["total_params"].get<int64_t>());
  EXPECT_GT(json["seconds"].get<double>(), 0);
  EXPECT_TRUE(json.contains("parity"));

  const Json info = parse_json(run_coppice({"info", at("out"), "--json"}).out, "info");
  EXPECT_EQ(info["params"], json["total_params"]);
  EXPECT_EQ(info["active_params"], json["active_params"]);
  const Outcome parity = run_coppice({"parity", at("out"), "--json"});
  EXPECT_EQ(parity.exit_code, 0) << parity.out;
  EXPECT_LT(parse_json(parity.out, "parity")["largest"].get<double>(), 1e-4);
  EXPECT_EQ(run_coppice({"run", at("out"), "Once", "-n", "4", "--temp", "0"}).exit_code, 0);
  EXPECT_EQ(run_coppice({"eval", at("out"), "--text", at("test.txt"), "--json"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/coppice.yaml"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/parity.json"));
}

TEST_F(LabVerbs, ConvertRefusesInOneLineAndLeavesNothing) {
  write_file(folder_ / "empty.txt", "");
  expect_refusal(convert("cmoe", {"--experts", "7"}), 2, "does not divide");
  expect_refusal(convert("cmoe", {"--active", "0"}), 2, "active");
  expect_refusal(convert("cmoe", {"--active", "1.5"}), 2, "active");
  expect_refusal(convert("cmeo"), 2, "did you mean 'cmoe'?");
  expect_refusal(convert("cmoe", {"--set", "k_b=3"}), 2, "did you mean 'k_a'?");
  expect_refusal({"convert", model_, "--calib", at("empty.txt"), "--method", "cmoe", "-o", at("out")}, 3,
                 "empty.txt");
  expect_refusal({"convert", at("absent"), "--calib", at("calib.txt"), "--method", "cmoe", "-o", at("out")},
                 3, "absent");
}

TEST_F(LabVerbs, AFullDiskIsAResourceErrorAndLeavesNothing) {
  // A limit on file size stands for the full disk.
  expect_refusal(convert("prune-magnitude"), 4, "cannot write", "ulimit -f 100;");
}

TEST_F(LabVerbs, AnExistingOutputIsKeptWithoutOverwrite) {
  ASSERT_EQ(run_coppice(convert("prune-magnitude")).exit_code, 0);
  const std::string before = read_file(folder_ / "out/config.json");
  const Outcome outcome = run_coppice(convert("cmoe"));
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("--overwrite"));
  EXPECT_EQ(read_file(folder_ / "out/config.json"), before);
  EXPECT_EQ(run_coppice(convert("cmoe", {"--overwrite"})).exit_code, 0);
  EXPECT_NE(read_file(folder_ / "out/config.json"), before);
}

TEST_F(LabVerbs, AMixtureIsNotConvertedAgain) {
  ASSERT_EQ(run_coppice(convert("copy")).exit_code, 0);
  const Outcome outcome =
      run_coppice({"convert", at("out"), "--calib", at("calib.txt"), "--method", "cmoe", "-o", at("again")});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "again"));
}

TEST_F(LabVerbs, ExpertsCanBePackedAndWeightsCutIntoFiles) {
  const auto info = [&] { return parse_json(run_coppice({"info", at("out"), "--json"}).out, "info"); };
  ASSERT_EQ(run_coppice(convert("copy", {"--experts", "4"})).exit_code, 0);
  const Json separate = info();
  const Outcome packed = run_coppice(convert(
      "copy", {"--experts", "4", "--overwrite", "--expert-tensors", "packed", "--max-shard-size", "500KB"}));
  ASSERT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_EQ(info()["params"], separate["params"]);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/model.safetensors.index.json"));
  EXPECT_THAT(read_file(folder_ / "out/model.safetensors.index.json"), HasSubstr("mlp.experts.gate_up_proj"));
  EXPECT_EQ(run_coppice({"parity", at("out"), "--json"}).exit_code, 0);
  std::filesystem::remove_all(at("out"));
  expect_refusal(convert("cmoe", {"--expert-tensors", "packed"}), 2, "mixtral");
  expect_refusal(convert("copy", {"--max-shard-size", "5 lots"}), 2, "--max-shard-size");
}

TEST_F(LabVerbs, CompareRanksMethodsAndWritesAReport) {
  const Outcome outcome = run_coppice(
      {"compare", model_, "--methods", "prune-magnitude,prune-activation,cmoe", "--calib", at("calib.txt"),
       "--text", at("test.txt"), "--seeds", "0,1", "-o", at("cmp"), "--json", "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json rows = parse_json(outcome.out, "stdout")["rows"];
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0]["method"], "dense");
  for (size_t i = 1; i < rows.size(); ++i) {
    EXPECT_GT(rows[i]["ppl"].get<double>(), rows[0]["ppl"].get<double>());
    EXPECT_GE(rows[i]["ppl"].get<double>(), rows[i - 1]["ppl"].get<double>()) << "sorted by perplexity";
    EXPECT_EQ(rows[i]["ppl_by_seed"].size(), 2u);
    EXPECT_NEAR(rows[i]["active"].get<double>(), 0.5, 0.02);
    EXPECT_LT(rows[i]["active_params"].get<int64_t>(), rows[0]["active_params"].get<int64_t>());
    EXPECT_GT(rows[i]["tokens_per_s"].get<double>(), 0);
  }
  const std::string report = read_file(folder_ / "cmp/report.html");
  EXPECT_THAT(report, HasSubstr("<svg"));
  EXPECT_THAT(report, HasSubstr("prune-magnitude"));
  EXPECT_EQ(run_coppice({"info", at("cmp/best")}).exit_code, 0);
  // Perplexity in the comparison is what eval says of the kept directory.
  const Json eval =
      parse_json(run_coppice({"eval", at("cmp/cmoe-seed0"), "--text", at("test.txt"), "--json"}).out, "eval");
  for (const auto& row : rows)
    if (row["method"] == "cmoe") {
      EXPECT_NEAR(eval["ppl"].get<double>(), row["ppl_by_seed"][0].get<double>(),
                  1e-6 * row["ppl"].get<double>());
    }
}

TEST_F(LabVerbs, TrainingHealsAConvertedModelAndSaysWhatItDid) {
  ASSERT_EQ(run_coppice(convert("cmoe")).exit_code, 0);
  const Outcome outcome =
      run_coppice({"train", "--model", at("out"), "--text", at("calib.txt"), "--steps", "3", "--batch", "2",
                   "--context", "64", "-o", at("healed"), "--json", "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(run_coppice({"info", at("healed")}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "healed/metrics.jsonl"));
  EXPECT_NE(read_file(folder_ / "healed/model.safetensors"), read_file(folder_ / "out/model.safetensors"));
}

TEST_F(LabVerbs, ANewModelOfAnyFamilyIsMadeFromItsConfig) {
  write_file(folder_ / "new.json",
             R"({"model_type": "deepseek_v2", "vocab_size": 1, "hidden_size": 16, "intermediate_size": 24,
    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64, "q_lora_rank": null,
    "kv_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 4, "n_shared_experts": 1,
    "num_experts_per_tok": 2, "moe_intermediate_size": 8, "first_k_dense_replace": 1})");
  const std::vector<std::string> words = {
      "train",   "--arch-file", at("new.json"), "--tokenizer", model_, "--text",  at("calib.txt"),
      "--steps", "2",           "--batch",      "2",           "-o",   at("new"), "--json",
      "--quiet"};
  const Outcome outcome = run_coppice(words);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(run_coppice({"info", at("new"), "--json"}).out, "info");
  EXPECT_EQ(json["family"], "deepseek_v2");
  EXPECT_EQ(json["cached_per_token"], 12);
  EXPECT_GT(json["vocabulary"], 1) << "the tokenizer's";
  EXPECT_EQ(run_coppice({"eval", at("new"), "--text", at("test.txt"), "--json"}).exit_code, 0);
  auto both = words;
  std::ranges::replace(both, at("new"), at("other"));
  both.insert(both.end(), {"--arch-layers", "3"});
  expect_refusal(both, 2, "--arch-file");
}

}  // namespace
}  // namespace coppice::test
