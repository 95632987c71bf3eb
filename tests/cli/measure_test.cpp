// `coppice measure` and the verbs beside it, as a user types them.

#include <gmock/gmock.h>

#include "base/json.h"
#include "base/strings.h"
#include "cli/process.h"
#include "format/collection/collection_support.h"

namespace coppice {
namespace {

using test::run_coppice;
using testing::HasSubstr;

// trec_eval's own tests: each line of commands.txt is its arguments and the file that it must print.
TEST(MeasureVerb, PrintsWhatTrecEvalPrints) {
  COPPICE_NEEDS_DATA("trec-eval-tests");
  const auto folder = test::data_folder() / "trec-eval-tests";
  int compared = 0;
  for (const auto& line : split(read_file(folder / "commands.txt"), '\n')) {
    const size_t begin = line.find("./trec_eval "), end = line.find(" | diff - ");
    if (begin == line.npos || end == line.npos) continue;
    std::vector<std::string> words = {"measure"};
    bool all_there = true;
    for (const auto& word : split(std::string_view(line).substr(begin + 12, end - begin - 12), ' ')) {
      if (trim(word).empty()) continue;
      const bool is_file =
          word.find('.') != word.npos && word[0] != '-' && std::filesystem::exists(folder / word);
      words.push_back(is_file || word == "zscores_file" ? (folder / word).string() : word);
      if (word == "qrels.comment.test") all_there = false;  // is not among the files
    }
    if (!all_there) continue;
    const auto expected = read_file(folder / std::string(trim(std::string_view(line).substr(end + 10))));
    const auto outcome = run_coppice(words);
    EXPECT_EQ(outcome.exit_code, 0) << line << outcome.err;
    EXPECT_EQ(outcome.out, expected) << line;
    ++compared;
  }
  EXPECT_GE(compared, 14);
}

class MeasureFiles : public testing::Test {
 protected:
  MeasureFiles() {
    std::filesystem::create_directories(folder / "set/qrels");
    write_file(folder / "set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\ta\t1\nq1\tc\t1\nq2\tb\t1\n");
    write_file(
        folder / "set/corpus.jsonl",
        "{\"_id\": \"a\", \"title\": \"Paris\", \"text\": \"one two three\"}\n"
        "{\"_id\": \"b\", \"text\": \"the capital is Rome today\"}\n{\"_id\": \"c\", \"text\": \"four\"}\n");
    write_file(folder / "one",
               "q1 Q0 a 1 3 one\nq1 Q0 b 2 2 one\nq1 Q0 c 3 1 one\nq2 Q0 a 1 2 one\nq2 Q0 b 2 1 one\n");
    write_file(folder / "two", "q1 Q0 a 1 3 two\nq1 Q0 c 2 2 two\nq2 Q0 b 1 2 two\n");
    write_file(folder / "answers.tsv", "q1\tRome\nq2\tParis\trome\n");
  }
  std::string file(const std::string& name) const { return (folder / name).string(); }

  test::TemporaryFolder folder;
};

TEST_F(MeasureFiles, FindsTheJudgementsOfABeirDirectory) {
  const auto outcome = run_coppice({"measure", file("set"), file("one"), "-m", "P@1", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(parse_json(outcome.out, "out")["measures"]["P@1"], 0.5);
}

// What a user does with `gzip run` and `zstd qrels`.
TEST_F(MeasureFiles, PackedFilesCountAsPlainOnes) {
  for (const char* name : {"set/qrels/test.tsv", "one", "two", "answers.tsv"})
    write_file(folder / (name + std::string(".gz")), test::gzipped(read_file(folder / name)));
  write_file(folder / "two.zst", test::zstd_packed(read_file(folder / "two")));
  const auto same = [&](const std::vector<std::string>& plain, const std::vector<std::string>& packed) {
    const auto expected = run_coppice(plain), found = run_coppice(packed);
    EXPECT_EQ(found.exit_code, 0) << found.err;
    EXPECT_EQ(found.out, expected.out);
  };
  same({"measure", file("set"), file("one"), file("two")},
       {"measure", file("set/qrels/test.tsv.gz"), file("one.gz"), file("two.zst")});
  same({"fuse", file("one"), file("two")}, {"fuse", file("one.gz"), file("two.zst")});
  same({"measure", "answers", file("answers.tsv"), file("one"), "--passages", file("set")},
       {"measure", "answers", file("answers.tsv.gz"), file("one.gz"), "--passages", file("set")});
  same({"measure", "budget", file("set"), file("one"), "--passages", file("set")},
       {"measure", "budget", file("set/qrels/test.tsv.gz"), file("one.gz"), "--passages", file("set")});
  const auto overlap = run_coppice({"measure", "overlap", file("one.gz"), file("one"), "--json"});
  EXPECT_EQ(parse_json(overlap.out, "out")["runs"][0]["means"]["Jaccard@10"], 1.0);
}

TEST_F(MeasureFiles, ComparesRunsAndTestsDifferences) {
  const auto outcome = run_coppice({"measure", file("set"), file("one"), file("two"), "-m", "RR", "--test",
                                    "randomisation", "--correction", "bonferroni", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = parse_json(outcome.out, "out");
  EXPECT_EQ(json["runs"][0]["measures"]["RR"], 0.75);
  EXPECT_EQ(json["runs"][1]["measures"]["RR"], 1.0);
  EXPECT_EQ(json["runs"][1]["p"]["RR"], 1.0);
  EXPECT_EQ(json["test"], "randomisation");
}

TEST_F(MeasureFiles, AnswersInPassages) {
  const auto outcome = run_coppice({"measure", "answers", file("answers.tsv"), file("one"), file("two"),
                                    "--passages", file("set"), "-k", "1", "-k", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = parse_json(outcome.out, "out");
  EXPECT_EQ(json["runs"][0]["measures"], Json({{"answer@1", 0.0}, {"answer@2", 1.0}}));
  EXPECT_EQ(json["runs"][1]["measures"], Json({{"answer@1", 0.5}, {"answer@2", 0.5}}));
  // Runs of one tag are told apart by their files.
  std::filesystem::copy_file(file("one"), file("again"));
  const auto table = run_coppice({"measure", "answers", file("answers.tsv"), file("one"), file("again"),
                                  file("two"), "--passages", file("set")});
  EXPECT_THAT(table.out,
              testing::AllOf(testing::HasSubstr(file("one")), testing::HasSubstr(file("again")),
                             testing::HasSubstr("\ntwo "), testing::Not(testing::HasSubstr(file("two")))));
}

TEST_F(MeasureFiles, RecallByBudget) {
  const auto outcome = run_coppice({"measure", "budget", file("set"), file("one"), "--passages", file("set"),
                                    "--budget", "3", "--budget", "8", "--budget", "9", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = parse_json(outcome.out, "out");
  EXPECT_EQ(json["runs"][0]["measures"], Json({{"R@3words", 0.25}, {"R@8words", 0.75}, {"R@9words", 1.0}}));
}

TEST_F(MeasureFiles, Overlap) {
  const auto outcome =
      run_coppice({"measure", "overlap", file("one"), file("one"), file("two"), "-k", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto json = parse_json(outcome.out, "out");
  EXPECT_NEAR(json["runs"][0]["means"]["RBO(p=0.9)"].get<double>(), 1, 1e-9);
  EXPECT_NEAR(json["runs"][1]["means"]["Jaccard@2"].get<double>(), (1 / 3.0 + 1 / 2.0) / 2, 1e-9);
  EXPECT_EQ(json["runs"][1]["means"]["tau"], 1.0);
  EXPECT_EQ(run_coppice({"measure", "overlap", file("one")}).exit_code, 2);
}

TEST_F(MeasureFiles, CheckOfACollection) {
  auto outcome = run_coppice({"index", "check", file("set"), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  write_file(folder / "set/corpus.jsonl",
             "{\"_id\": \"a\", \"text\": \"x\"}\n{\"_id\": \"a\", \"text\": \"\"}\n{bad\n");
  write_file(folder / "set/queries.jsonl",
             "{\"_id\": \"q1\", \"text\": \"x\"}\n{\"_id\": \"a\", \"text\": \"y\"}\n");
  outcome = run_coppice({"index", "check", file("set"), "--json"});
  EXPECT_EQ(outcome.exit_code, 3);
  const auto json = parse_json(outcome.out, "out");
  std::map<std::string, int64_t> counts;
  for (const auto& finding : json["findings"]) counts[finding["kind"]] = finding["count"];
  EXPECT_EQ(counts, (std::map<std::string, int64_t>{{"unreadable_documents", 1},
                                                    {"duplicate_ids", 1},
                                                    {"empty_documents", 1},
                                                    {"query_ids_of_documents", 1},
                                                    {"unknown_documents", 2},
                                                    {"unknown_queries", 1},
                                                    {"unjudged_queries", 1}}));
}

TEST_F(MeasureFiles, IndexingWarnsOfTheScript) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "ዘጠኝ ግብ በተስተናገደበት ";
  write_file(folder / "am.jsonl", "{\"_id\": \"1\", \"text\": \"" + text + "\"}\n{bad\n");
  const auto index = file("index");
  EXPECT_EQ(run_coppice({"index", file("am.jsonl"), "-o", index}).exit_code, 3);
  const auto outcome = run_coppice({"index", file("am.jsonl"), "-o", index, "--skip-bad", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, testing::AllOf(HasSubstr("100% of the letters are Ethiopic"),
                                          HasSubstr("--analyzer amharic"), HasSubstr("am.jsonl:2")));
  EXPECT_EQ(parse_json(outcome.out, "out")["bad"], 1);
}

}  // namespace
}  // namespace coppice
