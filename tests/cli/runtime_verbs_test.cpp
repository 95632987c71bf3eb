// run, eval and doctor as a user meets them.

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/process.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class RuntimeVerbs : public ::testing::Test {
 protected:
  void SetUp() override {
    COPPICE_NEEDS_DATA("stories260k-hf");
    model_ = (data_folder() / "stories260k-hf").string();
    expected_ = read_json_file(data_folder() / "stories260k-hf/expected.json");
  }

  std::string text_file(const std::string& text) const {
    write_file(folder_ / "text.txt", text);
    return (folder_ / "text.txt").string();
  }

  TemporaryFolder folder_;
  std::string model_;
  Json expected_;
};

TEST_F(RuntimeVerbs, RunPrintsTheReferencesIds) {
  const Outcome outcome =
      run_coppice({"run", model_, expected_["prompt"], "-n", "64", "--temp", "0", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json["prompt_ids"], expected_["prompt_ids"]);
  EXPECT_EQ(json["ids"], expected_["greedy_64_after_prompt"]);
  EXPECT_GT(json["tokens_per_s"].get<double>(), 0);
  const Outcome streamed = run_coppice({"run", model_, expected_["prompt"], "-n", "64", "--temp", "0"});
  EXPECT_EQ(streamed.out, expected_["prompt"].get<std::string>() + json["text"].get<std::string>() + "\n");
}

TEST_F(RuntimeVerbs, RunIsTheSameForASeed) {
  const std::vector<std::string> words = {"run", model_, "Once", "-n", "20", "--temp", "1.5", "--seed", "3"};
  EXPECT_EQ(run_coppice(words, "COPPICE_THREADS=1").out, run_coppice(words, "COPPICE_THREADS=2").out);
}

TEST_F(RuntimeVerbs, GuessesChangeNoGreedyText) {
  for (const std::string& draft : {std::string("ngram"), model_}) {
    const Outcome outcome = run_coppice({"run", model_, expected_["prompt"], "-n", "64", "--temp", "0",
                                         "--json", "--draft", draft, "--draft-tokens", "5"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const Json json = parse_json(outcome.out, "stdout");
    EXPECT_EQ(json["ids"], expected_["greedy_64_after_prompt"]);
    if (draft == "ngram") continue;
    EXPECT_EQ(json["draft"]["acceptance"], 1.0);
    EXPECT_LT(json["passes"].get<int64_t>(), 20);
    EXPECT_THAT(outcome.err, HasSubstr("guesses stayed (100%)"));
  }
  const Outcome missing = run_coppice({"run", model_, "Once", "--draft", (folder_ / "none").string()});
  EXPECT_EQ(missing.exit_code, 3);
}

TEST_F(RuntimeVerbs, CachesOfEveryTypeWork) {
  for (const std::string type : {"f32", "bf16", "f16", "q8"}) {
    const Outcome outcome = run_coppice(
        {"run", model_, expected_["prompt"], "-n", "8", "--temp", "0", "--json", "--kv-type", type});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    // The first words of a trained model do not hang on the last digits.
    EXPECT_EQ(parse_json(outcome.out, "stdout")["ids"][0], expected_["greedy_64_after_prompt"][0]) << type;
  }
  const Outcome unknown = run_coppice({"run", model_, "Once", "--kv-type", "bf17"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("bf16"));
}

TEST_F(RuntimeVerbs, RunWritesATrace) {
  const auto trace = folder_ / "trace.safetensors";
  EXPECT_EQ(run_coppice({"run", model_, "Once", "-n", "2", "--trace", trace.string()}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(trace));
}

TEST_F(RuntimeVerbs, EvalIsTheReferencesLoss) {
  const Outcome outcome = run_coppice({"eval", model_, "--text", text_file(expected_["nll_text"]), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_NEAR(json["nll"].get<double>(), expected_["nll_mean_all_tokens_bos_context"].get<double>(), 1e-4);
  EXPECT_NEAR(json["ppl"].get<double>(), std::exp(json["nll"].get<double>()), 1e-9);
  EXPECT_EQ(json["tokens"].get<size_t>(), expected_["nll_text_ids"].size() - 1);
}

TEST_F(RuntimeVerbs, FaultsAreOneClearLine) {
  std::string longer;
  for (int i = 0; i < 600; ++i) longer += "once upon ";
  const struct {
    std::vector<std::string> words;
    int exit_code;
    std::string says;
  } cases[] = {
      {{"run", model_, longer}, 3, "context of 512"},
      {{"run", model_, "Once", "--temp", "-1"}, 2, "--temp"},
      {{"run", model_, "Once", "--experts", "2"}, 2, "without mixtures"},
      {{"run", model_, "Once", "--weights", "int3"}, 2, "bf16"},
      {{"run", (folder_ / "nothing").string(), "Once"}, 3, "nothing"},
      {{"eval", model_, "--text", text_file("")}, 3, "empty"},
      {{"eval", model_, "--text", (folder_ / "missing").string()}, 3, "missing"},
      {{"eval", model_, "--text", "x", "--ctx", "1"}, 2, "--ctx"},
  };
  for (const auto& [words, exit_code, says] : cases) {
    const Outcome outcome = run_coppice(words);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_THAT(outcome.err, StartsWith("error: "));
    EXPECT_THAT(outcome.err, HasSubstr(says));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
  }
}

TEST_F(RuntimeVerbs, EvalRefusesMoreThanTheContext) {
  const Outcome outcome = run_coppice({"eval", model_, "--text", text_file("Once"), "--ctx", "513"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("context of 512"));
}

TEST_F(RuntimeVerbs, TheInstructionSetCanBeForcedButNotInvented) {
  EXPECT_EQ(run_coppice({"run", model_, "Once", "-n", "4", "--temp", "0"}, "COPPICE_ISA=baseline").exit_code,
            0);
  const Outcome outcome = run_coppice({"run", model_, "Once"}, "COPPICE_ISA=mmx");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("COPPICE_ISA"));
}

TEST(Doctor, SaysWhatTheMachineOffers) {
  const Outcome outcome = run_coppice({"doctor", "--json"}, "COPPICE_ISA=baseline");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json["isa"], "baseline");
  EXPECT_GT(json["read_bytes_per_s"]["one_thread"].get<double>(), 0);
  EXPECT_GT(json["peak_f32_flops"]["all_threads"].get<double>(), 0);
  EXPECT_GT(json["memory_bytes"].get<double>(), 0);
}

}  // namespace
}  // namespace coppice::test
