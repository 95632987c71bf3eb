// quantize, as a user meets it.

#include <gmock/gmock.h>

#include "base/json.h"
#include "cli/process.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;

class Quantize : public ::testing::Test {
 protected:
  void SetUp() override {
    COPPICE_NEEDS_DATA("stories260k-hf");
    model_ = (data_folder() / "stories260k-hf").string();
    const Json expected = read_json_file(data_folder() / "stories260k-hf/expected.json");
    write_file(folder_ / "text.txt", expected["nll_text"].get<std::string>());
  }

  Json quantized(const std::string& type) {
    const Outcome outcome = run_coppice({"quantize", model_, "-o", (folder_ / type).string(), "--type", type,
                                         "--text", (folder_ / "text.txt").string(), "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return parse_json(outcome.out, "stdout");
  }

  TemporaryFolder folder_;
  std::string model_;
};

TEST_F(Quantize, FewerBitsCostWhatTheyMay) {
  for (const auto& [type, cost] : {std::pair("q8_0", 0.01),
                                   {"q5_k", 0.08},
                                   {"q5_1", 0.08},
                                   {"q4_k", 0.12},
                                   {"q4_0", 0.25},
                                   {"finequant", 0.4}}) {
    const Json json = quantized(type);
    const auto before = json["ppl_before"].get<double>(), after = json["ppl"].get<double>();
    EXPECT_LT(std::abs(after / before - 1), cost) << type;
    EXPECT_NE(after, before) << type;
    EXPECT_LT(json["bytes"].get<int64_t>() * 2, json["bytes_before"].get<int64_t>()) << type;
    int64_t bytes = 0;
    for (const auto& tensor : json["tensors"]) bytes += tensor["bytes"].get<int64_t>();
    EXPECT_EQ(bytes, json["bytes"]);
    const Outcome run = run_coppice({"run", (folder_ / type).string(), "Once", "-n", "4", "--temp", "0"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
  }
}

TEST_F(Quantize, RefusesWhatItCannotDo) {
  write_file(folder_ / "there", "mine");
  const Outcome kept = run_coppice({"quantize", model_, "-o", (folder_ / "there").string()});
  EXPECT_EQ(kept.exit_code, 3);
  EXPECT_THAT(kept.err, HasSubstr("--overwrite"));
  EXPECT_EQ(run_coppice({"quantize", model_, "-o", (folder_ / "x").string(), "--type", "f16"}).exit_code, 2);
  EXPECT_EQ(run_coppice({"quantize", model_, "-o", (folder_ / "x").string(), "--alpha", "2"}).exit_code, 2);
  ASSERT_EQ(run_coppice({"quantize", model_, "-o", (folder_ / "m.gguf").string()}).exit_code, 0);
  const Outcome file = run_coppice(
      {"quantize", (folder_ / "m.gguf").string(), "-o", (folder_ / "x").string(), "--type", "finequant"});
  EXPECT_EQ(file.exit_code, 2);
  EXPECT_THAT(file.err, HasSubstr("tokenizer"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x"));
}

}  // namespace
}  // namespace coppice::test
