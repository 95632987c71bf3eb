// bench and doctor, as a user meets them. Nothing here depends on how fast the machine is.

#include <gmock/gmock.h>

#include "base/json.h"
#include "base/strings.h"
#include "cli/process.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;

class Bench : public ::testing::Test {
 protected:
  void SetUp() override {
    COPPICE_NEEDS_DATA("stories260k-hf");
    model_ = (data_folder() / "stories260k-hf").string();
  }
  std::string model_;
};

TEST_F(Bench, OneRowForEveryCombination) {
  const Outcome outcome = run_coppice({"bench", model_, "-p", "8,16", "-n", "4", "-d", "0,8", "-b", "1,2",
                                       "-t", "1,2", "-r", "2", "--weights", "f32,bf16", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json rows = parse_json(outcome.out, "stdout");
  ASSERT_EQ(rows.size(), (2 + 1) * 2 * 2 * 2 * 2);
  std::set<std::string> different;
  for (const auto& row : rows) {
    different.insert(fmt::format("{} {} {}", row["test"].get<std::string>(), row["n_threads"].get<int>(),
                                 row["weights"].get<std::string>()));
    EXPECT_EQ(row["samples_ts"].size(), 2);
    EXPECT_GT(row["avg_ts"].get<double>(), 0);
    EXPECT_GT(row["read_bytes_per_s"].get<double>(), 0);
    EXPECT_GT(row["share_of_peak"].get<double>(), 0);
    EXPECT_EQ(row["bytes_per_token"].is_null(), row["n_gen"] == 0 || row["sequences"] != 1);
    double sum = 0;
    for (const auto& [part, share] : row["shares_of_time"].items()) sum += share.get<double>();
    EXPECT_NEAR(sum, 1, 1e-9);
    EXPECT_GT(row["shares_of_time"]["feed_forward"].get<double>(), 0);
  }
  EXPECT_EQ(different.size(), rows.size());
}

TEST_F(Bench, TheSameRowsInEveryForm) {
  const auto lines = [&](const char* form) {
    const Outcome outcome = run_coppice({"bench", model_, "-p", "8", "-n", "2", "-r", "1", "-o", form});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return split(outcome.out.substr(0, outcome.out.size() - 1), '\n');
  };
  EXPECT_EQ(lines("md").size(), 4);
  EXPECT_EQ(lines("csv").size(), 3);
  const auto rows = lines("jsonl");
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(parse_json(rows[1], "line")["test"], "tg2");
}

TEST_F(Bench, ADryRunTellsWhatItWouldTake) {
  const Outcome outcome =
      run_coppice({"bench", model_, "-p", "64", "-n", "64", "-b", "1,8", "--dry-run", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json rows = parse_json(outcome.out, "stdout");
  ASSERT_EQ(rows.size(), 4);
  EXPECT_EQ(rows[1]["cache_bytes"].get<int64_t>(), 8 * rows[0]["cache_bytes"].get<int64_t>());
  EXPECT_TRUE(rows[0]["most_ts"].is_null());
  EXPECT_GT(rows[2]["most_ts"].get<double>(), 0);
  EXPECT_EQ(rows[0]["weight_bytes"], 1040128);
}

TEST_F(Bench, RefusesBeforeItMeasures) {
  const Outcome nothing = run_coppice({"bench", model_, "-p", "0", "-n", "0"});
  EXPECT_EQ(nothing.exit_code, 2);
  const Outcome too_long = run_coppice({"bench", model_, "-p", "8", "-d", "505"});
  EXPECT_EQ(too_long.exit_code, 2);
  EXPECT_THAT(too_long.err, HasSubstr("at most the model's context of 512"));
  EXPECT_EQ(too_long.out, "");
  EXPECT_EQ(run_coppice({"bench", model_, "-b", "0"}).exit_code, 2);
  EXPECT_EQ(run_coppice({"bench", "nowhere"}).exit_code, 3);
}

TEST(Doctor, MeasuresAndAdvises) {
  const Outcome outcome = run_coppice({"doctor", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_GT(json["read_bytes_per_s"]["one_thread"].get<double>(), 0);
  EXPECT_GT(json["peak_f32_flops"]["all_threads"].get<double>(), 0);
  EXPECT_FALSE(json["advice"].empty());
  for (const char* key : {"peak_bf16_flops", "peak_int8_ops"})
    EXPECT_TRUE(json[key].is_null() || json[key]["one_thread"].get<double>() > 0) << key;
}

}  // namespace
}  // namespace coppice::test
