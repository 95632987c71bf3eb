// --memory and --dry-run, as a user meets them: what is planned, what is refused, and that nothing else changes.

#include <regex>

#include <gmock/gmock.h>

#include "base/json.h"
#include "base/rng.h"
#include "cli/process.h"
#include "model/model_directory.h"
#include "text/train_bpe.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;

// A model of 4 layers of 16 experts with random weights, 24 MiB of them, and a tokenizer of a few words.
class Memory : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    ModelSpec spec{
        .family = "mixtral", .vocabulary = 267, .width = 256, .context = 512, .tied_embeddings = false};
    const AttentionSpec attention{.heads = 4, .kv_heads = 2, .head_dim = 64};
    spec.blocks.assign(4, {attention, MoeSpec{.widths = std::vector<int64_t>(16, 256), .top_k = 2}});
    Rng rng(1);
    std::vector<std::vector<float>> values;
    std::vector<TensorData> tensors;
    for (const auto& tensor : tensor_table(spec)) {
      auto& floats = values.emplace_back(static_cast<size_t>(tensor.count()));
      for (float& value : floats) value = static_cast<float>(rng.uniform(-0.1, 0.1));
    }
    size_t i = 0;
    for (const auto& tensor : tensor_table(spec))
      tensors.push_back({tensor.name, DType::f32, tensor.shape, std::as_bytes(std::span(values[i++]))});
    std::filesystem::create_directory(*folder_ / "model");
    write_model(*folder_ / "model", spec, tensors);
    write_file(*folder_ / "text.txt", "a few words, of which a tokenizer can learn a few more words");
    const BpeTraining training{.vocabulary = 267};
    write_tokenizer(train_bpe({*folder_ / "text.txt"}, training), training, *folder_ / "model");
  }
  static void TearDownTestSuite() { delete folder_; }

  std::string model() const { return (*folder_ / "model").string(); }

  Json json_of(std::vector<std::string> words) {
    words.push_back("--json");
    const Outcome outcome = run_coppice(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "stdout");
  }

  Json run(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"run", model(),  "a few words", "-n",
                                      "40",  "--temp", "0",           "--ignore-eos"};
    words.insert(words.end(), more.begin(), more.end());
    return json_of(words);
  }

  // A budget that leaves room for about so large a share of the experts.
  std::string budget(double share) {
    const Json plan = run({"--dry-run"});
    const double left_out = (1 - share) * plan["expert_bytes"].get<double>();
    return fmt::format("{}B", static_cast<int64_t>(plan["resident_bytes"].get<double>() - left_out));
  }

  static TemporaryFolder* folder_;
};

TemporaryFolder* Memory::folder_ = nullptr;

TEST_F(Memory, ADryRunTellsWhatARunWouldTake) {
  const Json plan = run({"--dry-run"});
  EXPECT_EQ(plan["experts"], 64);
  EXPECT_EQ(plan["kept_experts"], 64);
  EXPECT_EQ(plan["expert_bytes"], 64 * 3 * 256 * 256 * 4);
  EXPECT_EQ(plan["expected_read_per_token"], 0);
  EXPECT_TRUE(plan["packed_bytes_per_s"].is_null());
  EXPECT_GT(plan["most_ts"].get<double>(), 0);
  const Json half = run({"--dry-run", "--memory", budget(0.5)});
  EXPECT_NEAR(half["kept_experts"].get<double>(), 32, 4);
  EXPECT_LT(half["resident_bytes"], plan["resident_bytes"]);
  EXPECT_GT(half["packed_bytes_per_s"].get<double>(), 0);
  EXPECT_LT(half["most_ts"], plan["most_ts"]);
  const Outcome text = run_coppice({"run", model(), "a few words", "--dry-run", "--memory", budget(0.5)});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("out of the file"));
  // What the program itself takes differs by some pages from run to run.
  std::smatch kept;
  ASSERT_TRUE(std::regex_search(text.out, kept, std::regex("at least ([0-9]+) of 64"))) << text.out;
  EXPECT_NEAR(std::stod(kept[1]), 32, 4);
}

TEST_F(Memory, ABudgetChangesNoToken) {
  const Json free = run({});
  EXPECT_EQ(free["experts"]["evictions"], 0);
  const Json tight = run({"--memory", budget(0.25)});
  EXPECT_EQ(tight["ids"], free["ids"]);
  EXPECT_EQ(tight["experts"]["uses"], free["experts"]["uses"]);
  EXPECT_GT(tight["experts"]["evictions"].get<int64_t>(), 0);
  EXPECT_GT(tight["experts"]["packed_bytes"], free["experts"]["packed_bytes"]);
  const Outcome told = run_coppice({"run", model(), "a few words", "-n", "4", "--memory", budget(0.25)});
  EXPECT_THAT(told.err, HasSubstr("experts were there"));
}

TEST_F(Memory, EvalAndBenchKeepToItToo) {
  const std::string text = (*folder_ / "text.txt").string(), least = budget(0.25);
  const Json free = json_of({"eval", model(), "--text", text, "--ctx", "16"}),
             tight = json_of({"eval", model(), "--text", text, "--ctx", "16", "--memory", least});
  EXPECT_EQ(tight["nll"], free["nll"]);
  EXPECT_GT(tight["experts"]["evictions"].get<int64_t>(), 0);
  const Json rows = json_of({"bench", model(), "-p", "0", "-n", "4", "-r", "1", "--memory", least});
  EXPECT_LT(rows[0]["experts"]["hit_rate"].get<double>(), 1);
  const Json plans = json_of({"bench", model(), "-p", "0", "-n", "4", "--dry-run", "--memory", least});
  EXPECT_LT(plans[0]["kept_experts"].get<int64_t>(), 64);
}

TEST_F(Memory, BenchKeepsToABudgetThatItsProbesWouldExceed) {
  const Json free = json_of({"bench", model(), "-p", "0", "-n", "4", "-r", "1"}),
             tight = json_of({"bench", model(), "-p", "0", "-n", "4", "-r", "1", "--memory", "100MiB"});
  EXPECT_GT(free[0]["peak_resident_bytes"].get<int64_t>(), int64_t{256} << 20) << "what a probe reads";
  EXPECT_LE(tight[0]["peak_resident_bytes"].get<int64_t>(), int64_t{100} << 20);
  for (const Json& rows : {free, tight}) {
    EXPECT_GT(rows[0]["read_bytes_per_s"].get<double>(), 0);
    EXPECT_GT(rows[0]["share_of_bandwidth"].get<double>(), 0);
    EXPECT_GT(rows[0]["share_of_peak"].get<double>(), 0);
  }
}

// The same words, and so the same environment variable, whatever the verb does with the memory.
TEST_F(Memory, SizesHaveUnitsInEveryVerb) {
  const std::string text = (*folder_ / "text.txt").string(), index = (*folder_ / "index").string();
  for (const char* size : {"512", "much", "1KB"}) {
    const Outcome wrong = run_coppice({"index", text, "-o", index, "--memory", size});
    EXPECT_EQ(wrong.exit_code, 2) << size;
    EXPECT_THAT(wrong.err, HasSubstr(std::string(size) == "1KB" ? "at least 1MiB" : "a number and its unit"));
    EXPECT_FALSE(std::filesystem::exists(index));
  }
  EXPECT_THAT(run_coppice({"run", model(), "a", "--memory", "512"}).err, HasSubstr("a number and its unit"));
  const std::string both = "COPPICE_MEMORY=500MB";
  const Outcome made = run_coppice({"index", text, "-o", index}, both);
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(run_coppice({"run", model(), "a", "-n", "1"}, both).exit_code, 0);
}

TEST_F(Memory, RefusesBudgetsBeforeItLoads) {
  const Outcome small = run_coppice({"run", model(), "a few words", "--memory", "1MiB"});
  EXPECT_EQ(small.exit_code, 4);
  EXPECT_THAT(small.err, HasSubstr("the largest expert"));
  EXPECT_EQ(small.out, "");
  EXPECT_EQ(run_coppice({"run", model(), "a few words", "--memory", "much"}).exit_code, 2);
  const Outcome two = run_coppice({"run", model(), "a", "--memory", "1GiB", "--draft", model()});
  EXPECT_EQ(two.exit_code, 2);
  EXPECT_THAT(two.err, HasSubstr("--draft ngram"));
}

TEST(DenseMemory, ADenseModelHasNothingToLeaveOut) {
  COPPICE_NEEDS_DATA("stories260k-hf");
  const std::string model = (data_folder() / "stories260k-hf").string();
  const Outcome small = run_coppice({"run", model, "Once", "--memory", "1MiB"});
  EXPECT_EQ(small.exit_code, 4);
  EXPECT_THAT(small.err, HasSubstr("only experts can stay in the file"));
  EXPECT_EQ(run_coppice({"run", model, "Once", "-n", "2", "--memory", "4GiB"}).exit_code, 0);
}

}  // namespace
}  // namespace coppice::test
