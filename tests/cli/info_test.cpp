#include <gmock/gmock.h>

#include "base/json.h"
#include "cli/process.h"
#include "model/model_directory.h"
#include "model/random_model.h"

namespace coppice {
namespace {

using test::run_coppice;
using testing::AllOf;
using testing::HasSubstr;

TEST(Info, TellsTheRealModel) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const std::string model = (test::data_folder() / "stories260k-hf").string();
  const auto outcome = run_coppice({"info", model, "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json["family"], "llama");
  EXPECT_EQ(json["params"], 260032);
  EXPECT_EQ(json["active_params"], 260032);
  EXPECT_EQ(json["experts"], 0);
  EXPECT_EQ(json["top_k"], 0);
  EXPECT_EQ(json["dtypes"], Json::array({"F32"}));
  EXPECT_FALSE(json.contains("tensors"));
  EXPECT_THAT(run_coppice({"info", model}).out,
              AllOf(HasSubstr("260,032"), HasSubstr("8 heads on 4 key-value heads of 8")));
}

class InfoOfMixture : public testing::Test {
 protected:
  InfoOfMixture() {
    Rng rng(3);
    const AttentionSpec attention = {.heads = 2, .kv_heads = 1, .head_dim = 4};
    const MoeSpec moe = {.widths = {8, 8, 8, 8}, .top_k = 2};
    spec_ = {.family = "mixtral",
             .vocabulary = 16,
             .width = 8,
             .context = 32,
             .blocks = {{attention, moe}, {attention, moe}}};
    write_model(folder_.path(), spec_, test::RandomWeights(spec_, rng, DType::bf16).data());
  }
  Json info(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"info", folder_.path().string(), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const auto outcome = run_coppice(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "stdout");
  }
  test::TemporaryFolder folder_;
  ModelSpec spec_;
};

TEST_F(InfoOfMixture, CountsExpertsAndListsTensors) {
  const Json json = info({"--tensors"});
  const ParameterCount count = count_parameters(spec_);
  EXPECT_EQ(json["family"], "mixtral");
  EXPECT_EQ(json["experts"], 4);
  EXPECT_EQ(json["top_k"], 2);
  EXPECT_EQ(json["active_ffn_params"], count.ffn_active);
  EXPECT_EQ(json["ffn_params"], count.ffn_total);
  EXPECT_EQ(json["tensors"].size(), tensor_table(spec_).size());
  int64_t bytes = 0;
  for (const auto& tensor : json["tensors"]) bytes += tensor["bytes"].get<int64_t>();
  EXPECT_EQ(json["bytes"], bytes);
  EXPECT_EQ(bytes, 2 * count.total);
}

TEST_F(InfoOfMixture, ShowsHowItWasMadeAndWhatWasProved) {
  write_file(folder_ / "coppice.yaml", "method: cmoe\nseed: 3\nactive_share: 0.5\n");
  write_file(folder_ / "parity.json",
             R"([{"what":"all experts active","difference":1e-7,"tolerance":1e-5,"held":true}])");
  const Json json = info();
  EXPECT_EQ(json["conversion"]["method"], "cmoe");
  EXPECT_EQ(json["parity"][0]["held"], true);
  EXPECT_THAT(run_coppice({"info", folder_.path().string()}).out,
              AllOf(HasSubstr("cmoe"), HasSubstr("all experts active"), HasSubstr("1e-07")));
}

TEST_F(InfoOfMixture, BadInputIsOneLineAndExitCodeThree) {
  std::filesystem::resize_file(folder_ / "model.safetensors", 100);
  for (const std::string& path :
       {folder_.path().string(), std::string("/nowhere"), (folder_ / "config.json").string()}) {
    const auto outcome = run_coppice({"info", path});
    EXPECT_EQ(outcome.exit_code, 3) << path;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
  }
}

}  // namespace
}  // namespace coppice
