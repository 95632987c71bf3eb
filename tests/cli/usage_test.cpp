#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/process.h"

namespace coppice::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CommandLine, WithoutAVerbShowsThemAndFails) {
  const Outcome outcome = run_coppice({});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, HasSubstr("info"));
}

TEST(CommandLine, HelpGoesToStdout) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"--help"}, {"info", "--help"}, {"run", "-h"}}) {
    const Outcome outcome = run_coppice(words);
    EXPECT_EQ(outcome.exit_code, 0) << words[0];
    EXPECT_THAT(outcome.out, HasSubstr("coppice"));
    EXPECT_THAT(outcome.err, IsEmpty());
  }
}

TEST(CommandLine, HelpOfALabVerbNeedsNoLab) {
  const Outcome outcome = run_coppice({"convert", "--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("--method"));
}

TEST(CommandLine, UnknownVerbNamesTheNearest) {
  const Outcome outcome = run_coppice({"inof", "x"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'info'?"));
}

TEST(CommandLine, UnknownOptionNamesTheNearest) {
  const Outcome outcome = run_coppice({"info", "x", "--jsn"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean '--json'?"));
}

TEST(CommandLine, BadValuesAreUsageErrors) {
  EXPECT_EQ(run_coppice({"info"}).exit_code, 2);
  for (const std::string value : {"two", "0", "-1", "1e99", "3.5", ""}) {
    const Outcome outcome = run_coppice({"info", "x", "--threads", value});
    EXPECT_EQ(outcome.exit_code, 2) << value;
    EXPECT_THAT(outcome.err, HasSubstr("threads")) << value;
  }
}

// `coppice measure answers RUN` may mean judgements in a file of that name.
TEST(CommandLine, AFileWithTheNameOfAVerbsSecondWordIsPointedAt) {
  const TemporaryFolder folder;
  write_file(folder / "answers", "1 0 a 1\n");
  const std::string there = "cd " + shell_quoted(folder.path().string()) + ";";
  EXPECT_THAT(run_coppice({"measure", "answers", "run"}, there).err,
              HasSubstr("the file 'answers' is meant by ./answers"));
  EXPECT_THAT(run_coppice({"measure", "budget", "run"}, there).err, ::testing::Not(HasSubstr("is meant by")));
}

TEST(CommandLine, OptionsComeFromTheEnvironmentToo) {
  const Outcome outcome = run_coppice({"info", "x"}, "COPPICE_THREADS=two");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("threads"));
}

TEST(CommandLine, AMissingModelIsOneLineAndExitCode3) {
  const Outcome outcome = run_coppice({"info", "/nonexistent-model"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("/nonexistent-model"));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
}

TEST(CommandLine, ReferenceListsEveryVerbThatHelpLists) {
  const std::string help = run_coppice({"--help"}).out, reference = run_coppice({"--reference"}).out;
  for (const std::string verb :
       {"info", "run", "eval", "doctor", "tokenize", "train", "convert", "compare"}) {
    EXPECT_THAT(help, HasSubstr("  " + verb + " ")) << verb;
    EXPECT_THAT(reference, HasSubstr("## coppice " + verb + "\n")) << verb;
  }
}

}  // namespace
}  // namespace coppice::test
